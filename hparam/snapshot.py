"""A sweep at one moment as JSON values: what is printed, and what a controller on a cluster publishes."""

from __future__ import annotations

from typing import Any

from hparam.command import training_command
from hparam.trials import Sweep, Trial, TrialState

# With these a snapshot fits into an annotation (256 KiB) with room to spare.
TRIALS = 150
_MESSAGE = 300


def snapshot(sweep: Sweep, limit: int = TRIALS) -> dict[str, Any]:
    """Return how far a sweep is.

    Args:
        sweep: What the journal says.
        limit: Trials to describe: first those that have not ended, then the newest. Counts and the best trial
            are of all.
    """
    best = sweep.best
    going = sweep.in_state(TrialState.PENDING, TrialState.RUNNING)
    open_numbers = {trial.number for trial in going}
    ended = [trial for trial in sweep.trials if trial.number not in open_numbers]
    shown = sorted((*going, *ended[::-1][: max(limit - len(going), 0)]), key=lambda trial: trial.number)
    return {
        "name": sweep.spec.name,
        "family": sweep.spec.family,
        "metric": sweep.spec.metric,
        "higher_is_better": sweep.spec.higher_is_better,
        "created": sweep.created,
        "paused": sweep.paused,
        "draining": sweep.draining,
        "ended": sweep.ended,
        "message": sweep.message[:_MESSAGE],
        "budget": sweep.budget.model_dump(mode="json"),
        "counts": {state.value.lower(): len(sweep.in_state(state)) for state in TrialState},
        "best": best and {**_trial(best, sweep), "command": training_command(sweep.spec, best.params)},
        "trials": [_trial(trial, sweep) for trial in shown],
    }


def _trial(trial: Trial, sweep: Sweep) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "state": trial.state.value.lower(),
        "final": sweep.is_final(trial),
        "attempt": trial.attempt,
        "params": dict(trial.params),
        "value": trial.value,
        "step": trial.step,
        "reason": trial.reason,
        "message": trial.message[:_MESSAGE],
        "started": trial.started,
        "ended": trial.ended,
    }
