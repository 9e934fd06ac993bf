"""Stochastic gradient descent, a whole epoch in one graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from . import TrainSettings
from .network import Factors, Ratings
from .step import learning_rate

# Most of the way to its own optimum that one step may take a row that occurs several times in the batch.
_REACH = 0.5
_CHUNK = 65_536


class Descent:
    """Fit `factors` to `ratings`, epoch by epoch.

    The gradient of a rating moves the rows of its user and item by the learning rate, as in one-by-one
    descent; the ratings of a batch are taken together. The same arguments give the same result up to float32
    rounding: on a busy machine TensorFlow may add in another order.
    """

    def __init__(self, factors: Factors, ratings: Ratings, settings: TrainSettings) -> None:
        self.factors = factors
        self._settings = settings
        self._users = tf.constant(ratings.users, tf.int32)
        self._items = tf.constant(ratings.items, tf.int32)
        scale = factors.scale
        self._targets = tf.constant((ratings.values - scale.mean) / scale.deviation, tf.float32)
        user_counts = np.bincount(ratings.users, minlength=factors.users + 1)
        item_counts = np.bincount(ratings.items, minlength=factors.items + 1)
        self._user_damping = self._damping(user_counts)
        self._item_damping = self._damping(item_counts)
        self.batch_size = batch_size(largest_share(ratings), settings)

    def _damping(self, counts: NDArray[Any]) -> tf.Tensor:
        # A penalty per row, divided among the ratings of the row.
        return tf.constant(self._settings.bias_damping / np.maximum(counts, 1), tf.float32)

    def rmse(self, ratings: Ratings) -> float:
        """Return the root mean squared error of predicted `ratings`."""
        return rmse(self.factors, ratings)

    @tf.function
    def epoch(self, number: tf.Tensor) -> tf.Tensor:
        """Run epoch `number`, int32 from 0; return the mean squared error on the way, standardised."""
        count = tf.size(self._users)
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), tf.stack([self._settings.seed, number])
        )
        rate = learning_rate(self._settings, tf.cast(number, tf.float32))
        squares = tf.constant(0.0)
        for start in tf.range(0, count, self.batch_size):
            squares += self._step(order[start : start + self.batch_size], rate)
        return squares / tf.cast(count, tf.float32)

    def _step(self, batch: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        factors, l2 = self.factors, self._settings.embedding_l2
        users, items = tf.gather(self._users, batch), tf.gather(self._items, batch)
        user_bias, item_bias = tf.gather(factors.user_bias, users), tf.gather(factors.item_bias, items)
        user, item = tf.gather(factors.user_embedding, users), tf.gather(factors.item_embedding, items)
        predicted = user_bias + item_bias + tf.reduce_sum(user * item, axis=1)
        error = tf.gather(self._targets, batch) - predicted
        pull = error[:, tf.newaxis]
        moves = (
            (factors.user_bias, users, error - tf.gather(self._user_damping, users) * user_bias),
            (factors.item_bias, items, error - tf.gather(self._item_damping, items) * item_bias),
            (factors.user_embedding, users, pull * item - l2 * user),
            (factors.item_embedding, items, pull * user - l2 * item),
        )
        for table, rows, move in moves:
            table.scatter_add(tf.IndexedSlices(rate * move, rows))
        return tf.reduce_sum(tf.square(error))


def batch_size(largest_share: float, settings: TrainSettings) -> int:
    """Return how many ratings one step may take together.

    Args:
        largest_share: Share of the ratings that the busiest user or item has, in (0, 1]. Its moves add up
            within a batch and must not overshoot.
        settings: Gives the learning rate and the most that is wanted.
    """
    return max(1, min(settings.batch_size, int(_REACH / (settings.learning_rate * largest_share))))


def largest_share(ratings: Ratings) -> float:
    """Return the share of the ratings that the busiest user or item has, in (0, 1]."""
    counts = (np.bincount(rows).max() for rows in (ratings.users, ratings.items))
    return float(max(counts) / len(ratings))


def rmse(factors: Factors, ratings: Ratings) -> float:
    """Return the root mean squared error of the predicted `ratings`."""
    squares = 0.0
    for start in range(0, len(ratings), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        predicted = factors.rate(ratings.users[chunk], ratings.items[chunk]).numpy()
        squares += float(np.sum((predicted - ratings.values[chunk]) ** 2, dtype=np.float64))
    return float(np.sqrt(squares / len(ratings)))
