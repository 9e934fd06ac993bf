from __future__ import annotations

import json

import pytest

from pipelines.status import State
from pipelines.sweeps.status import as_json, sweep_status

from .conftest import ran, seen

GOOD = ran(0, "succeeded", step=9, value=0.9, metrics={"rmse": 0.9})
BAD = ran(0, "failed", reason="no_metric", message="It ended without a metric.", log=["bye"])
ENDED = {"event": "ended", "reason": "trials", "message": "All 5 trials have ended."}


@pytest.mark.parametrize(
    ("events", "controlled", "state", "code"),
    [
        ([], True, State.RUNNING, 3),
        (GOOD, True, State.RUNNING, 3),
        ([{"event": "changed", "paused": True}], True, State.PAUSED, 3),
        ([*ran(0), {"event": "changed", "draining": True}], True, State.CANCELING, 3),
        (GOOD, False, State.WAITING, 3),
        ([*GOOD, ENDED], False, State.DONE, 0),
        ([*GOOD, ENDED], True, State.DONE, 0),
        ([*BAD, ENDED], False, State.FAILED, 1),
        ([*GOOD, {"event": "ended", "reason": "failures", "message": "3 failed"}], False, State.FAILED, 1),
    ],
)
def test_state_of_a_sweep(events: list, controlled: bool, state: State, code: int) -> None:
    status = sweep_status(seen(*events), controlled)
    assert (status.state, status.exit_code) == (state, code)


def test_a_sweep_without_controller_says_how_to_go_on() -> None:
    assert "`lodestar sweep resume films`" in sweep_status(seen(*GOOD), False).why


def test_trials_are_parts_with_their_reasons() -> None:
    events = [
        *BAD,
        *ran(1, "stopped", step=3, value=1.2, reason="median", message="Worse than the median."),
        *ran(2, "lost", reason="oom", message="out of memory", log=[]),
        *ran(3),
    ]
    failed, stopped, lost, running = sweep_status(seen(*events), True).parts
    assert (failed.state, failed.why) == (State.FAILED, "no_metric: It ended without a metric.")
    assert (stopped.state, running.state) == (State.CANCELED, State.RUNNING)
    # One retry is left.
    assert lost.state is State.PENDING


def test_json_has_what_only_sweeps_have() -> None:
    document = json.loads(json.dumps(as_json(seen(*GOOD, *ran(1)), True)))
    assert (document["kind"], document["state"], document["metric"]) == ("sweep", "running", "rmse")
    assert document["counts"] == {
        "pending": 0, "running": 1, "succeeded": 1, "failed": 0, "stopped": 0, "lost": 0
    }  # fmt: skip
    assert (
        document["best"]["command"] == "lodestar run matrix-factorization --set train.learning_rate=0.0123456"
    )
    first, second = document["parts"]
    assert (first["state"], first["value"], first["step"]) == ("done", 0.9, 9)
    assert second["params"] == {"train.learning_rate": 0.0123456}
