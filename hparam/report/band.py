"""What random search would have found: how good the best of so many random trials is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hparam.trials import Sweep, TrialState

RANDOM = ("initial", "random")
_NEEDED = 3


@dataclass(frozen=True)
class Band:
    """The best value after 1, 2, ... random trials: its distribution.

    Attributes:
        low: The loss that one random search in ten stays below.
        middle: The loss that every other one stays below.
        high: The loss that nine in ten stay below.
        draws: Random trials that this is drawn from.
    """

    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    draws: int


def random_band(sweep: Sweep, length: int) -> Band | None:
    """Return the band from the sweep's own random trials; None when fewer than three have succeeded.

    It is the bootstrap of the best loss among `t` draws with replacement, for t = 1 to `length`, in closed
    form: of m losses in order, the best of t draws is the i-th or better with probability 1 - (1 - i/m)^t.
    No band goes below the best of those m trials, so with few of them it is too high on its right side.
    """
    losses = sorted(
        sweep.loss(trial.value)
        for trial in sweep.in_state(TrialState.SUCCEEDED)
        if trial.proposer.get("strategy") in RANDOM
    )
    if len(losses) < _NEEDED:
        return None
    low, middle, high = (
        tuple(_best_of(losses, draws, share) for draws in range(1, length + 1)) for share in (0.1, 0.5, 0.9)
    )
    return Band(low, middle, high, len(losses))


def _best_of(losses: Sequence[float], draws: int, share: float) -> float:
    # The smallest i with 1 - (1 - i/m)^t >= share.
    count = len(losses)
    rank = math.ceil(count * (1 - (1 - share) ** (1 / draws)) - 1e-9)
    return losses[min(max(rank, 1), count) - 1]
