"""What has come of a run: the record that its end becomes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hparam.executors import Observed, Phase
from hparam.executors.processes import last_lines
from hparam.executors.shim import LOG
from hparam.outcome import read_failure, read_result

_GONE = Observed(Phase.FAULT, "gone", "nothing is left of the run, and it left no result")


@dataclass(frozen=True)
class Verdict:
    """An event of the journal but for trial and attempt.

    Attributes:
        event: `succeeded`, `failed` or `lost`.
        fields: What the record says besides.
    """

    event: str
    fields: Mapping[str, Any]


def verdict(observed: Observed | None, folder: Path) -> Verdict | None:
    """Return what has come of a run that was started; None while it goes on.

    A result counts whatever became of the run afterwards: it is the last thing that a trial writes.

    Args:
        observed: What the executor knows; None: nothing.
        folder: The run's folder.
    """
    if observed is not None and not observed.ended:
        return None
    observed = observed or _GONE
    if observed.phase is not Phase.FAILED and (found := _result(folder)) is not None:
        return found
    failure = read_failure(folder)
    log = list(observed.log or last_lines(folder / LOG))
    if failure is not None:
        return Verdict("failed", {"reason": failure.reason, "message": failure.message, "log": log})
    if observed.phase is Phase.FAULT:
        return Verdict("lost", {"reason": observed.reason, "message": observed.message, "log": log})
    if observed.phase is Phase.SUCCEEDED:
        message = "it ended well, but reported no result"
        return Verdict("failed", {"reason": "no_metric", "message": message, "log": log})
    return Verdict("failed", {"reason": "error", "message": observed.message, "log": log})


def _result(folder: Path) -> Verdict | None:
    result = read_result(folder)
    if result is None:
        return None
    if not math.isfinite(result.value):
        return non_finite(result.step, result.value)
    metrics = {name: value for name, value in result.metrics.items() if math.isfinite(value)}
    return Verdict("succeeded", {"value": result.value, "step": result.step, "metrics": metrics})


def non_finite(step: int, value: float) -> Verdict:
    """Return what comes of a trial whose metric is not a finite number."""
    message = f"the metric is {value} at step {step}"
    return Verdict("failed", {"reason": "non_finite", "message": message, "log": []})
