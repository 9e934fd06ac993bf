from __future__ import annotations

from typing import Any

import pytest

from hparam.told import Told
from hparam.trials import Record, Sweep, replay
from tests.sweeps import spec_of


def sweep_of(*records: Record, **changes: Any) -> Sweep:
    created = {"event": "created", "spec": spec_of(**changes).model_dump(mode="json")}
    return replay({"ts": 1.0, **record} for record in (created, *records))


def trial(number: int, event: str = "", attempt: int = 0, **fields: Any) -> list[Record]:
    found = [
        {
            "event": "proposed",
            "trial": number,
            "params": {"x": number},
            "proposer": fields.pop("proposer", {}),
        },
        {"event": "started", "trial": number, "attempt": 0},
        {"event": event, "trial": number, "attempt": attempt, **fields},
    ]
    return found if event else found[:2]


def losses(sweep: Sweep) -> dict[int, float]:
    return {params["x"]: loss for params, loss in Told.of(sweep).finished}


def test_succeeded_trials_are_told_with_their_loss_and_others_as_running() -> None:
    sweep = sweep_of(*trial(0), *trial(1, "succeeded", value=2.0), *trial(2)[:1])
    told = Told.of(sweep)
    assert (told.k, told.finished, told.running) == (3, (({"x": 1}, 2.0),), ({"x": 0}, {"x": 2}))


def test_loss_of_a_metric_where_higher_is_better_is_its_negative() -> None:
    sweep = sweep_of(
        *trial(0, "succeeded", value=0.4),
        *trial(1, "stopped", value=0.1, metrics={"ndcg@10": 0.3}),
        metric="ndcg@10",
        higher_is_better=True,
    )
    assert losses(sweep) == {0: -0.4, 1: -0.3}


@pytest.mark.parametrize(("best", "loss"), [(1.5, 2.0), (2.5, 2.5)])
def test_stopped_trial_has_the_worse_of_its_best_and_the_median(best, loss) -> None:
    done = [r for n, value in enumerate((1.0, 2.0, 9.0)) for r in trial(n, "succeeded", value=value)]
    sweep = sweep_of(*done, *trial(3, "stopped", value=8.0, metrics={"rmse": best}))
    assert losses(sweep)[3] == loss


def test_trial_that_was_stopped_without_any_value_is_not_told() -> None:
    sweep = sweep_of(*trial(0, "stopped", value=None), *trial(1, "stopped", value=3.0))
    assert losses(sweep) == {1: 3.0}


def test_failed_trial_is_told_as_the_worst_once_one_has_succeeded() -> None:
    failed = trial(0, "failed", reason="no_metric")
    assert losses(sweep_of(*failed)) == {}
    assert Told.of(sweep_of(*failed)).running == ()
    stopped = trial(1, "stopped", value=9.0, metrics={"rmse": 7.0})
    assert losses(sweep_of(*failed, *stopped)) == {1: 7.0}
    assert losses(sweep_of(*failed, *stopped, *trial(2, "succeeded", value=2.0))) == {0: 7.0, 1: 7.0, 2: 2.0}


def test_lost_trial_runs_while_it_is_tried_again_and_is_not_told_after() -> None:
    lost = trial(0, "lost", reason="oom")
    assert Told.of(sweep_of(*lost, retries=1)).running == ({"x": 0},)
    told = Told.of(sweep_of(*lost, retries=0))
    assert (told.finished, told.running) == ((), ())


def test_point_that_is_tried_once_more_is_told_but_is_no_proposal() -> None:
    again = trial(1, "succeeded", value=3.0, proposer={"retry_of": 0})
    assert Told.of(sweep_of(*trial(0, "succeeded", value=2.0), *again)).k == 1
    assert losses(sweep_of(*trial(0, "succeeded", value=2.0), *again)) == {0: 2.0, 1: 3.0}
