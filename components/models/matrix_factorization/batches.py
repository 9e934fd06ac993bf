"""Ratings in the order and shape in which processes and accelerators take them: equal batches, padded."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from . import TrainSettings
from .network import Ratings, Scale


class Batches(NamedTuple):
    """Batches of ratings, each array `[steps, size]`; padding has weight 0 and the unknown user and item.

    Attributes:
        users: Row numbers, int32.
        items: Row numbers, int32.
        targets: Standardised ratings, float32.
        user_damping: Penalty of the user's bias, for this rating's part of it, float32.
        item_damping: The same for the item's.
        weights: 1, or 0 for padding, float32.
    """

    users: tf.Tensor
    items: tf.Tensor
    targets: tf.Tensor
    user_damping: tf.Tensor
    item_damping: tf.Tensor
    weights: tf.Tensor

    def step(self, number: tf.Tensor) -> Batches:
        """Return one batch, each array `[size]`."""
        return Batches(*(column[number] for column in self))


class Deck:
    """All ratings, to be dealt out in batches.

    Args:
        ratings: The ratings.
        scale: What standardises them.
        settings: Gives the damping and the seed.

    Attributes:
        count: Number of ratings.
    """

    def __init__(self, ratings: Ratings, scale: Scale, settings: TrainSettings) -> None:
        unknown_user, unknown_item = ratings.shape
        # Row -1 of each column is the padding.
        self._columns: tuple[NDArray[Any], ...] = (
            np.append(ratings.users, unknown_user).astype(np.int32),
            np.append(ratings.items, unknown_item).astype(np.int32),
            np.append((ratings.values - scale.mean) / scale.deviation, 0).astype(np.float32),
            np.append(_damping(ratings.users, settings), 0).astype(np.float32),
            np.append(_damping(ratings.items, settings), 0).astype(np.float32),
            np.append(np.ones(len(ratings)), 0).astype(np.float32),
        )
        self.count = len(ratings)
        self._seed = settings.seed

    def shuffled(self, epoch: int, size: int, part: int = 0, parts: int = 1) -> Batches:
        """Return part number `part` of `parts` in the order of `epoch`; parts have equally many batches.

        A rating is always in the same part, so that every process reads its own ratings only.
        """
        mine = np.arange(part, self.count, parts)
        order = np.random.default_rng([self._seed, epoch, part]).permutation(mine)
        return self._deal(order, size, -(-self.count // parts))

    def in_order(self, size: int, part: int = 0, parts: int = 1) -> Batches:
        """Return part number `part` of `parts`; parts have equally many batches."""
        return self._deal(np.arange(part, self.count, parts), size, -(-self.count // parts))

    def _deal(self, order: NDArray[Any], size: int, longest: int) -> Batches:
        steps = -(-longest // size)
        padded = np.full(steps * size, -1)
        padded[: len(order)] = order
        return Batches(*(column[padded].reshape(steps, size) for column in self._columns))


def _damping(rows: NDArray[Any], settings: TrainSettings) -> NDArray[Any]:
    # A penalty per row, divided among the ratings of the row.
    return settings.bias_damping / np.bincount(rows)[rows]
