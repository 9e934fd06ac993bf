"""What the optimizer is told of a sweep: a pure function of its journal."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from hparam.trials import Params, Sweep, TrialState


@dataclass(frozen=True)
class Told:
    """What is known when a point is proposed.

    Attributes:
        k: Number of the proposal; trials that try a point once more do not count.
        finished: Points and their losses, lower is better, by trial.
        running: Points without a loss yet, by trial.
    """

    k: int
    finished: tuple[tuple[Params, float], ...]
    running: tuple[Params, ...]

    @classmethod
    def of(cls, sweep: Sweep) -> Told:
        """Return what the optimizer is told now.

        A trial that was stopped has the worse of the best loss that it had and the median loss of those that
        succeeded; one that failed the worst loss that there is, once one has succeeded; one that was lost
        none.
        """
        running = tuple(trial.params for trial in sweep.trials if not sweep.is_final(trial))
        losses = _losses(sweep)
        finished = tuple(
            (trial.params, losses[trial.number]) for trial in sweep.trials if trial.number in losses
        )
        return cls(proposed(sweep), finished, running)


def proposed(sweep: Sweep) -> int:
    """Return how many points the optimizer has proposed."""
    return sum("retry_of" not in trial.proposer for trial in sweep.trials)


def _losses(sweep: Sweep) -> dict[int, float]:
    succeeded = {trial.number: sweep.loss(trial.value) for trial in sweep.in_state(TrialState.SUCCEEDED)}
    middle = median(succeeded.values()) if succeeded else None
    losses = dict(succeeded)
    for trial in sweep.in_state(TrialState.STOPPED):
        if trial.value is not None:
            best = sweep.loss(trial.metrics.get(sweep.spec.metric, trial.value))
            losses[trial.number] = best if middle is None else max(best, middle)
    if succeeded:
        worst = max(losses.values())
        losses.update({trial.number: worst for trial in sweep.in_state(TrialState.FAILED)})
    return losses
