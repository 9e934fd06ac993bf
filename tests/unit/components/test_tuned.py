from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from components.tuned import read_chosen, settings_of, with_chosen


def test_chosen_settings_take_the_place_of_those_given() -> None:
    given = {"train": {"learning_rate": 0.1, "fuse": {"weights": [1, 2]}}, "serve": {"top_k": 10}}
    found = with_chosen(given, {"train.learning_rate": 0.2, "train.fuse.weights": [3]})
    assert found == {"train": {"learning_rate": 0.2, "fuse": {"weights": [3]}}, "serve": {"top_k": 10}}
    assert given["train"] == {"learning_rate": 0.1, "fuse": {"weights": [1, 2]}}


def test_chosen_settings_are_the_only_file_of_their_artifact(tmp_path: Path) -> None:
    (tmp_path / "best_hyperparameters.txt").write_text(json.dumps({"train.k1": 0.5}))
    assert read_chosen(str(tmp_path)) == {"train.k1": 0.5}


def test_run_fn_trains_with_what_a_sweep_chose() -> None:
    config = {"settings": json.dumps({"train": {"k1": 0.9, "b": 0.4}})}
    plain = SimpleNamespace(custom_config=config, hyperparameters=None)
    tuned = SimpleNamespace(custom_config=config, hyperparameters={"train.k1": 0.5})
    assert settings_of(plain) == {"train": {"k1": 0.9, "b": 0.4}}
    assert settings_of(tuned) == {"train": {"k1": 0.5, "b": 0.4}}
