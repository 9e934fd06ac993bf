from __future__ import annotations

from typing import Any

import pytest

from hparam.progress import EventLines, describe_end
from hparam.spec import Budget, Inputs, SweepSpec
from hparam.trials import Sweep, apply, replay

SPEC = SweepSpec(
    name="films",
    family="matrix-factorization",
    metric="rmse",
    higher_is_better=False,
    space={},
    settings={},
    inputs=Inputs(examples="/e", transform_graph="/g"),
    budget=Budget(trials=5, parallel=2),
)


def record(event: str, **fields: Any) -> dict[str, Any]:
    return {"event": event, "ts": 1.0, **fields}


def proposed(trial: int, **params: Any) -> dict[str, Any]:
    return record("proposed", trial=trial, params=params, proposer={"k": trial})


class Watched:
    """A sweep whose every record is followed by what is printed about it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._tell = EventLines(self.said.append)
        self.sweep: Sweep = replay([record("created", spec=SPEC.model_dump(mode="json"))])
        self._tell(self.sweep)

    def add(self, event: dict[str, Any]) -> list[str]:
        before = len(self.said)
        self.sweep = apply(self.sweep, event)
        self._tell(self.sweep)
        return self.said[before:]


@pytest.fixture
def watched() -> Watched:
    watched = Watched()
    watched.add(proposed(0, **{"train.learning_rate": 0.0123456789}))
    return watched


def test_resumed_sweep_is_introduced_with_how_it_stands(watched: Watched) -> None:
    assert watched.said[0] == "sweep films: no result yet; no trials"


def test_trial_is_told_when_it_starts_and_when_it_ends(watched: Watched) -> None:
    [line] = watched.add(record("started", trial=0, attempt=0))
    assert "trial   0" in line and "running" in line and "train.learning_rate=0.0123457" in line
    [line] = watched.add(record("succeeded", trial=0, attempt=0, value=0.9, step=3, metrics={"rmse": 0.9}))
    assert "rmse 0.9" in line and line.endswith("best so far")


def test_worse_trial_is_not_called_the_best(watched: Watched) -> None:
    watched.add(record("started", trial=0, attempt=0))
    watched.add(record("succeeded", trial=0, attempt=0, value=0.9, step=3, metrics={}))
    watched.add(proposed(1))
    watched.add(record("started", trial=1, attempt=0))
    [line] = watched.add(record("succeeded", trial=1, attempt=0, value=0.95, step=3, metrics={}))
    assert line.endswith("rmse 0.95")
    assert describe_end(watched.sweep) == "best rmse 0.9 (trial 0); 2 succeeded"


def test_failed_and_lost_trials_are_told_with_their_reason(watched: Watched) -> None:
    watched.add(record("started", trial=0, attempt=0))
    [line] = watched.add(record("lost", trial=0, attempt=0, reason="oom", message="out of memory", log=[]))
    assert "lost" in line and line.endswith("oom: out of memory")
    assert watched.add(record("retried", trial=0, attempt=0)) != []
    watched.add(record("started", trial=0, attempt=1))
    [line] = watched.add(record("failed", trial=0, attempt=1, reason="no_metric", message="", log=[]))
    assert line.endswith("no_metric")


def test_stopped_trial_is_told_with_its_step(watched: Watched) -> None:
    watched.add(record("started", trial=0, attempt=0))
    [line] = watched.add(record("stopped", trial=0, attempt=0, step=4, value=1.5, reason="median"))
    assert line.endswith("rmse 1.5 at step 4: median")


def test_what_people_change_is_told(watched: Watched) -> None:
    assert watched.add(record("changed", paused=True)) == ["sweep films: paused"]
    assert watched.add(record("changed", paused=False)) == ["sweep films: no longer paused"]
    assert watched.add(record("changed", trials=9)) == ["sweep films: now 9 trials, 2 at a time"]
    [line] = watched.add(record("ended", reason="trials", message=""))
    assert line.startswith("sweep films ended: trials;")


def test_same_state_twice_says_nothing(watched: Watched) -> None:
    watched._tell(watched.sweep)
    assert len(watched.said) == 1


def test_trial_that_is_stopped_before_it_reported_anything_is_told_with_the_reason(watched: Watched) -> None:
    watched.add(record("started", trial=0, attempt=0))
    stopped = record(
        "stopped", trial=0, attempt=0, value=None, step=None, reason="wall", message="60 s passed"
    )
    [line] = watched.add(stopped)
    assert line.endswith("stopped    wall: 60 s passed")
