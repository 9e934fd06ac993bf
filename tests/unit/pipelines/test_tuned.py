"""`lodestar run FAMILY --from-sweep NAME`: which settings it trains with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError, LodestarError
from components.family import FamilySettings, find_family
from components.home import Home
from hparam.folder import SweepFolder
from hparam.journal import Journal
from pipelines.settings import load_settings
from pipelines.tuned import best_of
from tests.sweeps import FAMILY, PENALTY, RATE, spec_of


def swept(home: Home, *values: float | None, settings: FamilySettings | None = None) -> None:
    """Write the journal of a sweep whose trial `i` has the rate 0.01 * (i + 1); None: it failed."""
    changes = {} if settings is None else {"settings": settings.model_dump(mode="json")}
    journal = Journal.create(SweepFolder(home.sweeps / "films"), spec_of(**changes), lambda: 1.0)
    for trial, value in enumerate(values):
        params = {RATE: 0.01 * (trial + 1), PENALTY: 0.1}
        journal.append("proposed", trial=trial, params=params, proposer={"k": trial})
        journal.append("started", trial=trial, attempt=0)
        end: dict[str, Any] = {"trial": trial, "attempt": 0}
        if value is None:
            journal.append("failed", **end, reason="error", message="it broke", log=[])
        else:
            journal.append("succeeded", **end, value=value, step=1, metrics={})


def settings_of(home: Home, *overrides: str) -> FamilySettings:
    return load_settings(FAMILY, overrides=overrides, tuned=best_of("films", FAMILY, home))


def test_best_point_takes_the_place_of_the_defaults(tmp_path: Path) -> None:
    home = Home(tmp_path)
    swept(home, 0.9, 0.7, None, 0.8)
    train = settings_of(home).train
    assert (train.learning_rate, train.embedding_l2) == (0.02, 0.1)
    assert train.patience == load_settings(FAMILY).train.patience


def test_settings_that_the_sweep_was_started_with_are_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    base = load_settings(FAMILY, overrides=["train.epochs=3", "data.source=ml-100k", "serve.top_k=7"])
    swept(home, 0.9, settings=base)
    found = settings_of(home)
    assert (found.train.epochs, found.data.source, found.serve.top_k) == (3, "ml-100k", 7)


def test_what_the_user_sets_wins(tmp_path: Path) -> None:
    home = Home(tmp_path)
    swept(home, 0.9)
    assert settings_of(home, f"{RATE}=0.05").train.learning_rate == 0.05


def test_setting_that_is_not_valid_any_more_is_told_with_its_sweep(tmp_path: Path) -> None:
    home = Home(tmp_path)
    swept(home, 0.9)
    found = [(key, -1 if key == ("train", "epochs") else value, at) for key, value, at in _best(home)]
    with pytest.raises(InputError, match=r"sweep films, trial 0: `train\.epochs` is -1"):
        load_settings(FAMILY, tuned=found)


def _best(home: Home) -> list[Any]:
    return best_of("films", FAMILY, home)


def test_sweep_without_a_success_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path)
    swept(home, None)
    with pytest.raises(LodestarError, match="No trial of the sweep `films` has succeeded yet"):
        _best(home)


def test_sweep_of_another_family_is_refused_with_the_right_command(tmp_path: Path) -> None:
    home = Home(tmp_path)
    swept(home, 0.9)
    with pytest.raises(InputError, match="is of matrix-factorization, not of text-search") as caught:
        best_of("films", find_family("text-search"), home)
    assert "lodestar run matrix-factorization --from-sweep films" in str(caught.value)


def test_unknown_sweep_is_refused_with_the_nearest(tmp_path: Path) -> None:
    home = Home(tmp_path)
    swept(home, 0.9)
    with pytest.raises(InputError, match="There is no sweep `film`") as caught:
        best_of("film", FAMILY, home)
    assert "Did you mean `films`?" in str(caught.value)
