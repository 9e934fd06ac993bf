"""Splits are disjoint, cover everything and depend on nothing but rows and settings."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.ingest.settings import SplitSettings
from components.ingest.splits import Interaction, assign, keep_last

users = st.text(min_size=1, max_size=5)
histories = st.lists(
    st.builds(
        Interaction,
        file=st.integers(0, 1),
        line=st.integers(1, 1000),
        item_id=st.text(min_size=1, max_size=3),
        rating=st.floats(0.5, 5),
        timestamp=st.integers(0, 50),
        split=st.sampled_from(["train", "eval"]),
    ),
    unique_by=lambda row: (row.file, row.line),
    min_size=1,
    max_size=30,
)
methods = st.sampled_from(
    [
        {"method": "random", "eval_fraction": 0.3, "seed": 1},
        {"method": "leave_last", "last": 2},
        {"method": "files", "train": "a", "eval": "b"},
    ]
).map(SplitSettings.model_validate)


@given(users, histories, methods)
def test_every_row_is_in_exactly_one_split(
    user: str, rows: list[Interaction], settings: SplitSettings
) -> None:
    kept = keep_last(rows)

    assigned = assign(user, kept, settings)

    assert sorted(row for _, row in assigned) == sorted(kept)
    assert {split for split, _ in assigned} <= {"train", "eval"}


@given(users, histories, methods, st.randoms())
def test_order_of_rows_changes_nothing(
    user: str, rows: list[Interaction], settings: SplitSettings, order: random.Random
) -> None:
    shuffled = order.sample(rows, len(rows))

    assert sorted(assign(user, keep_last(shuffled), settings)) == sorted(
        assign(user, keep_last(rows), settings)
    )


@given(histories)
def test_the_last_row_of_each_item_is_kept(rows: list[Interaction]) -> None:
    kept = keep_last(rows)

    assert {row.item_id for row in kept} == {row.item_id for row in rows}
    for row in kept:
        assert all(other <= row for other in rows if other.item_id == row.item_id)


@given(users, histories, st.integers(1, 5))
def test_leave_last_puts_the_latest_in_eval_and_keeps_short_histories_in_train(
    user: str, rows: list[Interaction], last: int
) -> None:
    kept = keep_last(rows)
    assigned = assign(user, kept, SplitSettings(method="leave_last", last=last))
    train = [(row.timestamp, row.file, row.line) for split, row in assigned if split == "train"]
    test = [(row.timestamp, row.file, row.line) for split, row in assigned if split == "eval"]

    assert len(test) == (last if len(kept) > last else 0)
    assert all(earlier < later for earlier in train for later in test)


def _eval_pairs(**settings: Any) -> set[tuple[str, str]]:
    split = SplitSettings.model_validate({"method": "random", **settings})
    pairs = set()
    for user in (f"u{n}" for n in range(200)):
        rows = [Interaction(0, line, f"i{line}", 3.0, None, "") for line in range(50)]
        pairs |= {(user, row.item_id) for where, row in assign(user, rows, split) if where == "eval"}
    return pairs


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5])
def test_random_split_has_the_fraction_asked_for(fraction: float) -> None:
    # 10,000 draws: four standard deviations are at most 0.02.
    assert len(_eval_pairs(eval_fraction=fraction, seed=7)) / 10_000 == pytest.approx(fraction, abs=0.02)


def test_random_split_follows_the_seed() -> None:
    once = _eval_pairs(eval_fraction=0.2, seed=7)

    assert _eval_pairs(eval_fraction=0.2, seed=7) == once
    assert _eval_pairs(eval_fraction=0.2, seed=8) != once


def test_a_larger_fraction_only_adds_to_eval() -> None:
    assert _eval_pairs(eval_fraction=0.1, seed=7) < _eval_pairs(eval_fraction=0.2, seed=7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "files", "train": "a"},
        {"method": "leave_one_out"},
        {"method": "random", "eval_fraction": 1.0},
        {"method": "leave_last", "last": 0},
        {"method": "random", "seeds": 3},
    ],
)
def test_wrong_split_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SplitSettings.model_validate(wrong)
