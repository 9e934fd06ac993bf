"""Which trials to stop before their end: rules on learning curves, without state and without files.

A curve is the loss by step, lower is better, in the order of the steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

from hparam.spec import StoppingSettings

Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Curves:
    """What trials have reported so far.

    Attributes:
        succeeded: Curves of the trials that have succeeded.
        others: Curves of all other trials but the one that is looked at: running, stopped or failed.
    """

    succeeded: Sequence[Curve] = ()
    others: Sequence[Curve] = ()

    @property
    def all(self) -> tuple[Curve, ...]:
        """Return every curve."""
        return (*self.succeeded, *self.others)


class Rule(Protocol):
    """Tells which trials are hopeless."""

    def due(self, curve: Curve) -> Iterator[int]:
        """Yield the steps of a curve at which the trial is looked at, in order."""

    def hopeless(self, curve: Curve, step: int, known: Curves) -> str:
        """Return in a line why the trial is stopped at a step that is due; empty when it goes on.

        Args:
            curve: Of the trial; what comes after `step` is not looked at.
            step: One of those that are due.
            known: Of the other trials.
        """


@dataclass(frozen=True)
class MedianStopping:
    """Stop a trial whose best loss so far is worse than the median of the succeeded ones' at this step.

    As Optuna's MedianPruner: at exactly this step, not the average up to it.

    Attributes:
        startup: So many trials must have succeeded.
        warmup: The first step that is looked at.
        interval: Steps from one look to the next.
        min_values: So many succeeded trials must have reported this step.
    """

    startup: int
    warmup: int
    interval: int
    min_values: int

    def due(self, curve: Curve) -> Iterator[int]:
        """Yield the first step of every interval."""
        before = -1
        for step, _ in curve:
            begin = (step - self.warmup) // self.interval * self.interval + self.warmup
            if step >= self.warmup and before < begin:
                yield step
            before = step

    def hopeless(self, curve: Curve, step: int, known: Curves) -> str:
        """Return why the trial is stopped; empty when it goes on."""
        if not known.succeeded or len(known.succeeded) < self.startup:
            return ""
        there = [
            loss for other in known.succeeded for at, loss in other if at == step and not math.isnan(loss)
        ]
        if len(there) < self.min_values or not there:
            return ""
        best = min(loss for at, loss in curve if at <= step)
        middle = median(there)
        if best <= middle:
            return ""
        return f"its best up to step {step} is worse than the median of {len(there)} trials at that step"


@dataclass(frozen=True)
class SuccessiveHalving:
    """Let one in `reduction` of the trials go on beyond each rung, by what has arrived there so far.

    ASHA: nobody waits for others. Where fewer than `reduction` have arrived, the best of them goes on.

    Attributes:
        grace: The first rung, in steps; every other is `reduction` times as far.
        reduction: One in so many goes on.
    """

    grace: int
    reduction: int

    def due(self, curve: Curve) -> Iterator[int]:
        """Yield the first step at or beyond every rung."""
        rung = self.grace
        for step, _ in curve:
            if step >= rung:
                yield step
            while step >= rung:
                rung *= self.reduction

    def hopeless(self, curve: Curve, step: int, known: Curves) -> str:
        """Return why the trial is stopped; empty when it goes on."""
        rung = self._rung(step)
        own = next(loss for at, loss in curve if at >= rung)
        others = (next((loss for at, loss in other if at >= rung), None) for other in known.all)
        ranked = sorted([own, *(loss for loss in others if loss is not None)])
        goes_on = max(1, len(ranked) // self.reduction)
        if own <= ranked[goes_on - 1]:
            return ""
        return f"it is not among the best {goes_on} of {len(ranked)} trials at rung {rung}"

    def _rung(self, step: int) -> int:
        rung = self.grace
        while rung * self.reduction <= step:
            rung *= self.reduction
        return rung


def rule_of(settings: StoppingSettings) -> Rule | None:
    """Return the rule that the settings name; None for none."""
    if settings.rule == "median":
        return MedianStopping(settings.startup, settings.warmup, settings.interval, settings.min_values)
    if settings.rule == "asha":
        return SuccessiveHalving(settings.grace, settings.reduction)
    return None
