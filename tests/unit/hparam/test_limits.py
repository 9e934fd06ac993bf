from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hparam.limits import limit_reached, nothing_left
from hparam.trials import Record, Sweep, replay
from tests.sweeps import spec_of


def sweep_of(ends: list[Record | None], **changes: Any) -> Sweep:
    """Return a sweep created at 100 whose trials have these ends; None for one that runs."""
    records: list[Record] = [{"event": "created", "spec": spec_of(**changes).model_dump(mode="json")}]
    for number, end in enumerate(ends):
        records.append({"event": "proposed", "trial": number, "params": {}, "proposer": {"k": number}})
        records.append({"event": "started", "trial": number, "attempt": 0})
        if end is not None:
            records.append({"trial": number, "attempt": 0, **end})
    return replay({"ts": 100.0, **record} for record in records)


FAILED = {"event": "failed", "reason": "input", "message": "no ratings"}
LOST = {"event": "lost", "reason": "oom"}


def value(value: float) -> Record:
    return {"event": "succeeded", "value": value}


@pytest.mark.parametrize(
    ("trials", "failures", "allowed"), [(10, None, 3), (40, None, 8), (100, None, 20), (40, 1, 1)]
)
def test_a_fifth_of_the_trials_may_fail_and_three_in_any_case(trials, failures, allowed) -> None:
    few = sweep_of([FAILED] * (allowed - 1) + [LOST] * 30, trials=trials, failures=failures)
    assert limit_reached(few, 100.0) is None
    end = limit_reached(sweep_of([FAILED] * allowed, trials=trials, failures=failures), 100.0)
    assert end.reason == "failures" and "input: no ratings" in end.message


@pytest.mark.parametrize(
    ("strategy", "reason", "over"),
    [("default", "input", True), ("default", "error", False), ("initial", "input", False)],
)
def test_data_that_the_settings_as_they_are_cannot_be_tried_with_end_the_sweep(
    strategy, reason, over
) -> None:
    sweep = sweep_of([{**FAILED, "reason": reason}, None])
    first = replace(sweep.trials[0], proposer={"k": 0, "strategy": strategy})
    end = limit_reached(replace(sweep, trials=(first, sweep.trials[1])), 100.0)
    assert (end is not None) == over
    if over:
        assert end.message == "the settings as they are cannot be tried: no ratings"


@pytest.mark.parametrize(("higher", "reached"), [(False, 0.9), (False, 0.8), (True, 0.9), (True, 0.95)])
def test_target_is_reached_by_its_value_or_a_better(higher, reached) -> None:
    worse = 0.7 if higher else 1.0
    assert limit_reached(sweep_of([value(worse)], target=0.9, higher_is_better=higher), 100.0) is None
    end = limit_reached(sweep_of([value(reached)], target=0.9, higher_is_better=higher), 100.0)
    assert end.reason == "target"


def test_wall_time_counts_from_the_first_record() -> None:
    sweep = sweep_of([None], wall_seconds=60)
    assert limit_reached(sweep, 159.9) is None
    assert limit_reached(sweep, 160.0).reason == "wall"
    assert limit_reached(sweep_of([None]), 1e9) is None


def test_nothing_is_over_while_a_trial_runs_or_may_be_tried_again() -> None:
    assert nothing_left(sweep_of([value(1.0), None], trials=2), "") is None
    assert nothing_left(sweep_of([value(1.0), LOST], trials=2, retries=1), "") is None
    assert nothing_left(sweep_of([value(1.0)], trials=2), "") is None
    assert nothing_left(sweep_of([value(1.0), LOST], trials=2, retries=0), "").reason == "trials"


def test_drained_sweep_does_not_wait_for_what_never_started() -> None:
    sweep = sweep_of([LOST], trials=5, retries=1)
    assert nothing_left(replace(sweep, draining=True), "").reason == "drained"


def test_exhausted_space_ends_a_sweep_that_is_not_paused() -> None:
    sweep = sweep_of([value(1.0)], trials=5)
    end = nothing_left(sweep, "Every point has been tried.")
    assert (end.reason, end.message) == ("exhausted", "Every point has been tried.")
    assert nothing_left(replace(sweep, paused=True), "Every point has been tried.") is None
