"""When a sweep ends, and why."""

from __future__ import annotations

from dataclasses import dataclass

from hparam.told import proposed
from hparam.trials import Sweep, TrialState


@dataclass(frozen=True)
class End:
    """Why a sweep ends.

    Attributes:
        reason: In a word: `trials`, `target`, `failures`, `wall`, `drained`, `stopped`, `exhausted`, `error`.
        message: The same in a line for people.
    """

    reason: str
    message: str


def limit_reached(sweep: Sweep, now: float) -> End | None:
    """Return the limit that ends the sweep at once, with all trials that run; None while none is reached."""
    budget, best = sweep.budget, sweep.best
    metric = sweep.spec.metric
    if budget.target is not None and best is not None and sweep.loss(best.value) <= sweep.loss(budget.target):
        return End("target", f"trial {best.number} has reached {metric} {best.value:.6g}")
    failed = sweep.in_state(TrialState.FAILED)
    hopeless = next(
        (t for t in failed if t.reason == "input" and t.proposer.get("strategy") == "default"), None
    )
    if hopeless is not None:
        # Data or settings that fail the first trial fail all.
        return End("failures", f"the settings as they are cannot be tried: {hopeless.message}")
    if len(failed) >= budget.allowed_failures:
        return End("failures", f"{len(failed)} trials have failed, the last with {_newest(sweep)}")
    if budget.wall_seconds is not None and now - sweep.created >= budget.wall_seconds:
        return End("wall", f"{budget.wall_seconds:g} s have passed since it began")
    return None


def nothing_left(sweep: Sweep, exhausted: str) -> End | None:
    """Return why nothing more will be started; None while something runs or is to be started.

    Args:
        sweep: How it stands.
        exhausted: Why there are no more points; empty while there are.
    """
    if sweep.in_state(TrialState.RUNNING):
        return None
    if sweep.draining:
        return End("drained", "it was asked to end with the trials that ran")
    if not all(sweep.is_final(trial) for trial in sweep.trials):
        return None
    if proposed(sweep) >= sweep.budget.trials:
        return End("trials", f"all {proposed(sweep)} trials have ended")
    if exhausted and not sweep.paused:
        return End("exhausted", exhausted)
    return None


def _newest(sweep: Sweep) -> str:
    newest = max(sweep.in_state(TrialState.FAILED), key=lambda trial: trial.ended or 0.0)
    return f"{newest.reason}: {newest.message}" if newest.message else newest.reason
