from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import LodestarError
from hparam.trials import Record, Sweep, TrialState, apply, replay
from tests.sweeps import spec_of

ENDS = ("succeeded", "failed", "stopped", "lost")
EVENTS = ("started", *ENDS, "retried")


def created(**changes: Any) -> Record:
    return {"event": "created", "ts": 5.0, "spec": spec_of(**changes).model_dump(mode="json")}


def proposed(number: int) -> Record:
    return {"event": "proposed", "ts": 6.0, "trial": number, "params": {"x": 1}, "proposer": {"k": number}}


def of_trial(event: str, number: int = 0, attempt: int = 0, **fields: Any) -> Record:
    return {"event": event, "ts": 7.0, "trial": number, "attempt": attempt, **fields}


def sweep_of(*records: Record, **changes: Any) -> Sweep:
    return replay([created(**changes), *records])


def test_sweep_begins_with_all_that_was_asked_for() -> None:
    sweep = sweep_of(trials=7)
    assert (sweep.spec, sweep.budget.trials, sweep.created) == (spec_of(trials=7), 7, 5.0)
    assert (sweep.trials, sweep.best, sweep.ended, sweep.records) == ((), None, "", 1)


def test_trial_goes_from_pending_by_running_to_its_end() -> None:
    records = (
        proposed(0),
        of_trial("started"),
        of_trial("succeeded", value=0.9, step=3, metrics={"rmse": 0.9}),
    )
    seen = [sweep_of(*records[:n]).trials[0] for n in (1, 2, 3)]
    assert [trial.state.value for trial in seen] == ["PENDING", "RUNNING", "SUCCEEDED"]
    last = seen[-1]
    assert (last.value, last.step, last.metrics, last.proposed, last.started, last.ended) == (
        *(0.9, 3, {"rmse": 0.9}),
        *(6.0, 7.0, 7.0),
    )


@pytest.mark.parametrize("end", ["succeeded", "failed", "stopped"])
@pytest.mark.parametrize("event", EVENTS)
def test_final_state_never_changes(end, event) -> None:
    sweep = sweep_of(proposed(0), of_trial("started"), of_trial(end, value=1.0))
    assert sweep.is_final(sweep.trials[0])
    with pytest.raises(ValueError, match="so it cannot have"):
        apply(sweep, of_trial(event, value=2.0))


def test_lost_trial_is_pending_again_while_retries_are_left() -> None:
    lost = (proposed(0), of_trial("started"), of_trial("lost", reason="oom"))
    again = (of_trial("retried", attempt=1), of_trial("started", attempt=1), of_trial("lost", attempt=1))
    sweep = sweep_of(*lost, retries=1)
    assert not sweep.is_final(sweep.trials[0])
    sweep = sweep_of(*lost, again[0], retries=1)
    [trial] = sweep.trials
    assert (trial.state, trial.attempt, trial.reason) == (TrialState.PENDING, 1, "")
    sweep = sweep_of(*lost, *again, retries=1)
    assert sweep.is_final(sweep.trials[0])
    with pytest.raises(ValueError, match="no retries left"):
        apply(sweep, of_trial("retried", attempt=2))


def test_end_of_another_attempt_is_refused() -> None:
    with pytest.raises(ValueError, match="is in attempt 0, not 1"):
        apply(sweep_of(proposed(0), of_trial("started")), of_trial("succeeded", attempt=1, value=1.0))


@pytest.mark.parametrize(("higher", "best"), [(False, 1), (True, 0)])
def test_best_is_by_the_metrics_direction_and_the_earliest_of_equals(higher, best) -> None:
    records: list[Record] = []
    for number, value in enumerate((3.0, 1.0, 1.0, 3.0)):
        records += [proposed(number), of_trial("started", number), of_trial("succeeded", number, value=value)]
    records += [
        proposed(4),
        of_trial("started", 4),
        of_trial("stopped", 4, value=-9.0 if not higher else 9.0),
    ]
    assert sweep_of(*records, higher_is_better=higher).best.number == best


def test_changes_take_effect_and_an_ended_sweep_goes_on() -> None:
    ended = {"event": "ended", "ts": 8.0, "reason": "trials", "message": "all"}
    changed = {"event": "changed", "ts": 9.0, "trials": 60, "paused": True}
    assert sweep_of(ended).ended == "trials"
    sweep = sweep_of(ended, changed)
    assert (sweep.ended, sweep.budget.trials, sweep.budget.parallel, sweep.paused) == ("", 60, 2, True)
    assert sweep.spec.budget.trials == 6


@pytest.mark.parametrize(
    ("records", "line"),
    [
        ([proposed(1)], 2),
        ([proposed(0), of_trial("succeeded")], 3),
        ([proposed(0), of_trial("started", 3)], 3),
        ([{"event": "started", "ts": 1.0}], 2),
        ([{"event": "changed", "ts": 1.0, "trials": -1}], 2),
        ([{"event": "changed", "ts": "x"}], 2),
    ],
)
def test_impossible_record_is_named_by_its_line(records, line) -> None:
    with pytest.raises(LodestarError, match="not possible here") as caught:
        sweep_of(*records)
    assert caught.value.line == line


def test_no_record_is_no_sweep() -> None:
    with pytest.raises(LodestarError, match="empty"):
        replay([])
    with pytest.raises(LodestarError, match="before `created`"):
        replay([proposed(0)])


# Whatever order records come in, each is either refused or a step of the state machine.
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 2)), max_size=12))
def test_no_order_of_records_leaves_the_state_machine(events) -> None:
    steps = {
        *(("PENDING", "RUNNING"), ("LOST", "PENDING")),
        *(("RUNNING", end) for end in ("SUCCEEDED", "FAILED", "STOPPED", "LOST")),
    }
    sweep = sweep_of(proposed(0))
    for event, attempt in events:
        before = sweep.trials[0]
        try:
            sweep = apply(sweep, of_trial(event, attempt=attempt, value=1.0))
        except ValueError:
            continue
        assert (before.state.value, sweep.trials[0].state.value) in steps
        assert not Sweep.is_final(sweep, before)
