"""The model: rating = mean + user bias + item bias + user embedding . item embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ratings:
    """Who rated what and how.

    Attributes:
        users: Row number of each rating's user, int `[n]`.
        items: Row number of each rating's item, int `[n]`.
        values: The ratings, float `[n]`.
        shape: Number of users and of items.
    """

    users: NDArray[Any]
    items: NDArray[Any]
    values: NDArray[Any]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.values)

    def part(self, chosen: NDArray[Any]) -> Ratings:
        """Return the ratings at the positions `chosen`."""
        return Ratings(self.users[chosen], self.items[chosen], self.values[chosen], self.shape)


@dataclass(frozen=True)
class Scale:
    """The scale that ratings are on.

    Attributes:
        mean: Of the ratings.
        deviation: Their standard deviation; 1 when they are all equal.
        low: Lowest rating seen.
        high: Highest rating seen.
    """

    mean: float
    deviation: float
    low: float
    high: float

    @classmethod
    def of(cls, values: NDArray[Any]) -> Scale:
        """Return the scale of `values`, float `[n]`, n >= 1."""
        exact = values.astype(np.float64)
        return cls(float(exact.mean()), float(exact.std()) or 1.0, float(values.min()), float(values.max()))


class Factors(tf.Module):
    """Biases and embeddings in standardised units, one row per user and item.

    The last row of each table is zero and stands for an unknown user or item: what remains of a prediction
    is then the other side's bias and the mean.

    Args:
        shape: Number of users and of items.
        scale: Turns standardised units into ratings.
        dimensions: Length of each embedding.
        init_scale: Standard deviation of the first embeddings; biases begin at zero.
        seed: Of the first embeddings.
    """

    def __init__(
        self, shape: tuple[int, int], scale: Scale, dimensions: int, init_scale: float, seed: int
    ) -> None:
        super().__init__()
        self.scale = scale
        self.users, self.items = shape
        self.user_bias = tf.Variable(tf.zeros([self.users + 1]), name="user_bias")
        self.item_bias = tf.Variable(tf.zeros([self.items + 1]), name="item_bias")
        tables = [
            tf.random.stateless_normal([rows, dimensions], [seed, table], stddev=init_scale)
            for table, rows in enumerate(shape)
        ]
        padded = [tf.pad(table, [[0, 1], [0, 0]]) for table in tables]
        self.user_embedding = tf.Variable(padded[0], name="user_embedding")
        self.item_embedding = tf.Variable(padded[1], name="item_embedding")

    @property
    def tables(self) -> tuple[tf.Variable, tf.Variable, tf.Variable, tf.Variable]:
        """Return the biases of users and items, then their embeddings."""
        return self.user_bias, self.item_bias, self.user_embedding, self.item_embedding

    @property
    def standardised_range(self) -> tuple[float, float]:
        """Return the lowest and highest rating seen in training, in standardised units."""
        mean, deviation = self.scale.mean, self.scale.deviation
        return (self.scale.low - mean) / deviation, (self.scale.high - mean) / deviation

    def copy(self) -> Factors:
        """Return the same model with variables of this process, wherever these ones are."""
        dimensions = int(self.user_embedding.shape[1])
        local = Factors((self.users, self.items), self.scale, dimensions, init_scale=0.0, seed=0)
        for mine, table in zip(local.tables, self.tables, strict=True):
            mine.assign(tf.convert_to_tensor(table))
        return local

    def rate(self, users: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Return predicted ratings, float32 `[n]`, clipped to the range seen in training."""
        standardised = (
            tf.gather(self.user_bias, users)
            + tf.gather(self.item_bias, items)
            + tf.reduce_sum(
                tf.gather(self.user_embedding, users) * tf.gather(self.item_embedding, items), axis=1
            )
        )
        return tf.clip_by_value(self.in_ratings(standardised), self.scale.low, self.scale.high)

    def in_ratings(self, standardised: tf.Tensor) -> tf.Tensor:
        """Return standardised values on the scale of the ratings."""
        return self.scale.mean + self.scale.deviation * standardised
