"""The state of a sweep: what the records of its journal add up to.

PENDING -> RUNNING -> SUCCEEDED | FAILED(reason) | STOPPED(step) | LOST
LOST -> PENDING while there are retries left; no other state is left once it is reached
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from components.errors import LodestarError
from hparam.spec import Budget, SweepSpec

Params = Mapping[str, Any]
Record = Mapping[str, Any]


class TrialState(str, Enum):
    """How far a trial is."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    LOST = "LOST"


@dataclass(frozen=True)
class Trial:
    """One point and what came of it.

    Attributes:
        number: From 0 in the order of the proposals.
        params: Dotted setting -> value; a parameter whose condition does not hold is left out.
        proposer: How the point was found: `k`, `strategy`, `fallback`, `retry_of`, ...
        state: How far it is.
        attempt: From 0; one more each time that it is started again after an infrastructure fault.
        value: The metric at its end; of a stopped trial its last value; None without one.
        step: The step that `value` is of.
        metrics: All metrics at its end.
        reason: Why it failed, was lost or was stopped, in a word: `no_metric`, `oom`, `median`, ...
        message: The same in a line for people.
        log: The last lines of its log, of one that failed or was lost.
        proposed: Unix time; `started` and `ended` likewise, of the last attempt.
    """

    number: int
    params: Params
    proposer: Mapping[str, Any]
    proposed: float
    state: TrialState = TrialState.PENDING
    attempt: int = 0
    value: float | None = None
    step: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    message: str = ""
    log: tuple[str, ...] = ()
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True)
class Sweep:
    """A sweep at one moment.

    Attributes:
        spec: What was asked for at the beginning.
        budget: What it may take now.
        created: Unix time of the first record.
        trials: By number.
        paused: No new trial is started.
        draining: No new trial is started, and the sweep ends with the last that runs.
        ended: Why it ended, in a word; empty while it goes on.
        message: The same in a line for people.
        records: How many records this is the sum of.
    """

    spec: SweepSpec
    budget: Budget
    created: float
    trials: tuple[Trial, ...] = ()
    paused: bool = False
    draining: bool = False
    ended: str = ""
    message: str = ""
    records: int = 1

    def is_final(self, trial: Trial) -> bool:
        """Return whether nothing more will happen to a trial."""
        if trial.state is TrialState.LOST:
            return trial.attempt >= self.budget.retries
        return trial.state not in (TrialState.PENDING, TrialState.RUNNING)

    @property
    def best(self) -> Trial | None:
        """Return the succeeded trial with the best value, the earliest of equals; None without any."""
        done = [t for t in self.trials if t.state is TrialState.SUCCEEDED and t.value is not None]
        return min(done, key=lambda t: (self.loss(t.value), t.number), default=None)

    def loss(self, value: float | None) -> float:
        """Return a value of the metric as a loss, lower is better; NaN for None."""
        if value is None:
            return float("nan")
        return -value if self.spec.higher_is_better else value

    def in_state(self, *states: TrialState) -> tuple[Trial, ...]:
        """Return the trials in one of these states, by number."""
        return tuple(trial for trial in self.trials if trial.state in states)


def replay(records: Iterable[Record]) -> Sweep:
    """Return the sweep that the records of a journal add up to.

    Raises:
        LodestarError: A record is not possible where it stands; the message has its line, counted from 1.
    """
    sweep: Sweep | None = None
    line = 0
    for line, record in enumerate(records, start=1):
        try:
            sweep = apply(sweep, record)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise LodestarError(
                f"This record is not possible here: {error}.",
                line=line,
                cure="The journal was changed by hand.",
            ) from None
    if sweep is None:
        raise LodestarError("The journal is empty.", cure="Start the sweep again.")
    return sweep


def apply(sweep: Sweep | None, record: Record) -> Sweep:
    """Return the sweep after one more record.

    Raises:
        ValueError: The record is not possible in this state.
    """
    event, ts = record["event"], float(record["ts"])
    if sweep is None:
        if event != "created":
            raise ValueError(f"`{event}` before `created`")
        spec = SweepSpec.model_validate(record["spec"])
        return Sweep(spec, spec.budget, ts)
    sweep = replace(sweep, records=sweep.records + 1)
    if event == "proposed":
        if record["trial"] != len(sweep.trials):
            raise ValueError(f"trial {record['trial']} follows trial {len(sweep.trials) - 1}")
        trial = Trial(record["trial"], dict(record["params"]), dict(record["proposer"]), ts)
        return replace(sweep, trials=(*sweep.trials, trial))
    if event in _TRIAL_EVENTS:
        trial = _changed(sweep, sweep.trials[record["trial"]], event, record, ts)
        trials = list(sweep.trials)
        trials[trial.number] = trial
        return replace(sweep, trials=tuple(trials))
    return _of_sweep(sweep, event, record)


_TRIAL_EVENTS = {
    # event: (state before, state after)
    "started": (TrialState.PENDING, TrialState.RUNNING),
    "succeeded": (TrialState.RUNNING, TrialState.SUCCEEDED),
    "failed": (TrialState.RUNNING, TrialState.FAILED),
    "stopped": (TrialState.RUNNING, TrialState.STOPPED),
    "lost": (TrialState.RUNNING, TrialState.LOST),
    "retried": (TrialState.LOST, TrialState.PENDING),
}


def _changed(sweep: Sweep, trial: Trial, event: str, record: Record, ts: float) -> Trial:
    before, after = _TRIAL_EVENTS[event]
    if trial.state is not before:
        raise ValueError(f"trial {trial.number} is {trial.state.value}, so it cannot have {event}")
    if event == "retried":
        if trial.attempt >= sweep.budget.retries:
            raise ValueError(f"trial {trial.number} has no retries left")
        return Trial(trial.number, trial.params, trial.proposer, trial.proposed, attempt=trial.attempt + 1)
    if record["attempt"] != trial.attempt:
        raise ValueError(f"trial {trial.number} is in attempt {trial.attempt}, not {record['attempt']}")
    if event == "started":
        return replace(trial, state=after, started=ts)
    return replace(
        trial,
        state=after,
        ended=ts,
        value=record.get("value"),
        step=record.get("step"),
        metrics=dict(record.get("metrics", {})),
        reason=str(record.get("reason", "")),
        message=str(record.get("message", "")),
        log=tuple(record.get("log", ())),
    )


def _of_sweep(sweep: Sweep, event: str, record: Record) -> Sweep:
    if event == "opened":
        return sweep
    if event == "ended":
        return replace(sweep, ended=str(record["reason"]), message=str(record.get("message", "")))
    if event == "changed":
        limits = {name: record[name] for name in ("trials", "parallel") if name in record}
        budget = Budget.model_validate({**sweep.budget.model_dump(), **limits})
        paused = bool(record.get("paused", sweep.paused))
        draining = bool(record.get("draining", sweep.draining))
        # A sweep that has ended goes on when it is given more to do.
        return replace(sweep, budget=budget, paused=paused, draining=draining, ended="", message="")
    raise ValueError(f"there is no event `{event}`")
