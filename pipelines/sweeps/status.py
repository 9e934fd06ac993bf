"""A sweep in the one status model, with its trials as parts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from pipelines.status import State, Status

Snapshot = Mapping[str, Any]

_TRIALS = {
    "pending": State.PENDING,
    "running": State.RUNNING,
    "succeeded": State.DONE,
    "failed": State.FAILED,
    "stopped": State.CANCELED,
    "lost": State.FAILED,
}
# Ends that are nobody's wish, whatever was found before.
_BROKEN = ("failures", "error")
_FIELDS = ("trial", "attempt", "params", "value", "step", "reason")


def sweep_status(snapshot: Snapshot, controlled: bool) -> Status:
    """Return the state of a sweep; its trials do not decide it, but whether one of them has succeeded.

    Args:
        snapshot: See `hparam.snapshot`.
        controlled: Whether a controller is at work.
    """
    state, why = _state(snapshot, controlled)
    trials = tuple(_trial(trial) for trial in snapshot["trials"])
    ended = max((trial.finished for trial in trials if trial.finished), default=None)
    return Status(
        "sweep",
        snapshot["name"],
        state,
        started=_time(snapshot["created"]),
        finished=ended if state.final else None,
        why=why,
        made=best_line(snapshot),
        parts=trials,
    )


def as_json(snapshot: Snapshot, controlled: bool) -> dict[str, Any]:
    """Return the status as JSON values, with what only sweeps have."""
    document = sweep_status(snapshot, controlled).as_json(datetime.now(timezone.utc))
    for part, trial in zip(document["parts"], snapshot["trials"], strict=True):
        part.update({name: trial[name] for name in _FIELDS})
    kept = ("family", "metric", "higher_is_better", "budget", "counts", "best")
    return {**document, **{name: snapshot[name] for name in kept}}


def best_line(snapshot: Snapshot) -> str:
    """Return the best value and its trial in a few words; empty without any."""
    best = snapshot["best"]
    return f"{snapshot['metric']} {best['value']:.6g} (trial {best['trial']})" if best else ""


def _state(snapshot: Snapshot, controlled: bool) -> tuple[State, str]:
    if snapshot["ended"]:
        good = snapshot["best"] is not None and snapshot["ended"] not in _BROKEN
        return (State.DONE if good else State.FAILED), snapshot["message"] or snapshot["ended"]
    if not controlled:
        return State.WAITING, f"no controller is at work: `lodestar sweep resume {snapshot['name']}`"
    if snapshot["draining"]:
        return State.CANCELING, "ends with the trials that run"
    if snapshot["paused"]:
        return State.PAUSED, f"starts no trial until `lodestar sweep resume {snapshot['name']}`"
    return State.RUNNING, ""


def _trial(trial: Mapping[str, Any]) -> Status:
    state = _TRIALS[trial["state"]] if trial["final"] or trial["state"] != "lost" else State.PENDING
    return Status(
        "trial",
        str(trial["trial"]),
        state,
        started=_time(trial["started"]),
        finished=_time(trial["ended"]),
        why=": ".join(words for words in (trial["reason"], trial["message"]) if words),
    )


def _time(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, timezone.utc)
