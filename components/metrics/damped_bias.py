"""The baseline of rating prediction: the mean, plus how each user and each item differs from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 10


@dataclass(frozen=True)
class DampedBias:
    """Predicts rating = mean + user bias + item bias.

    Attributes:
        mean: Of the ratings fitted on.
        user_bias: float `[users + 1]`; the last, for an unknown user, is 0.
        item_bias: float `[items + 1]`; likewise.
        low: Lowest rating fitted on; predictions are clipped to it.
        high: Highest rating fitted on.
    """

    mean: float
    user_bias: NDArray[Any]
    item_bias: NDArray[Any]
    low: float
    high: float

    @classmethod
    def fit(
        cls,
        users: NDArray[Any],
        items: NDArray[Any],
        ratings: NDArray[Any],
        shape: tuple[int, int],
        user_damping: float = 15.0,
        item_damping: float = 10.0,
    ) -> DampedBias:
        """Return the biases by alternating least squares, ten rounds, items first.

        A bias is the sum of its residuals divided by their number plus a damping: as if the user or item had
        that many more ratings without any deviation (Koren, "Factor in the neighbors", TKDD 2010).

        Args:
            users: Row of each rating's user, int `[n]`.
            items: Row of each rating's item, int `[n]`.
            ratings: float `[n]`, n >= 1.
            shape: Number of users and of items.
            user_damping: In ratings.
            item_damping: In ratings.
        """
        mean = float(ratings.mean(dtype=np.float64))
        residuals = ratings.astype(np.float64) - mean
        user_bias, item_bias = np.zeros(shape[0] + 1), np.zeros(shape[1] + 1)
        for _ in range(_ROUNDS):
            item_bias = _damped_mean(items, residuals - user_bias[users], shape[1], item_damping)
            user_bias = _damped_mean(users, residuals - item_bias[items], shape[0], user_damping)
        return cls(mean, user_bias, item_bias, float(ratings.min()), float(ratings.max()))

    def rate(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[Any]:
        """Return predicted ratings, float `[n]`; row -1 is an unknown user or item."""
        return np.clip(self.mean + self.user_bias[users] + self.item_bias[items], self.low, self.high)


def _damped_mean(rows: NDArray[Any], residuals: NDArray[Any], count: int, damping: float) -> NDArray[Any]:
    sums = np.bincount(rows, weights=residuals, minlength=count + 1)
    numbers = np.bincount(rows, minlength=count + 1)
    return sums / np.maximum(numbers + damping, 1.0)
