"""One step of descent as a function of the rows it is about: what XLA compiles, wherever the tables are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from components.family import ComputeSettings

from . import TrainSettings
from .batches import Batches


class Rows(NamedTuple):
    """Rows of the four tables: biases float32 `[b]`, embeddings float32 `[b, d]`.

    Looked up, they are the parameters of a batch; computed, they are how these are to move.
    """

    user_bias: tf.Tensor
    item_bias: tf.Tensor
    user: tf.Tensor
    item: tf.Tensor


Step = Callable[[Rows, Batches], tuple[Rows, tf.Tensor]]


def learning_rate(settings: TrainSettings, epoch: Any) -> Any:
    """Return the step per rating in `epoch`, a number or float32 tensor from 0."""
    return settings.learning_rate / (1.0 + epoch / settings.half_life)


def step_function(l2: float, compute: ComputeSettings) -> Step:
    """Return `step(rows, batch)`: the moves at a learning rate of 1, and the errors, float32 `[b]`.

    Args:
        l2: Penalty of both embeddings, per rating.
        compute: With `mixed_precision` products are bfloat16, which has float32's range, so that losses need
            no scaling; their sums and the moves stay float32. With `xla` the step is compiled.
    """

    def step(rows: Rows, batch: Batches) -> tuple[Rows, tf.Tensor]:
        error = batch.weights * (batch.targets - predict(rows, compute.mixed_precision))
        pull, kept = error[:, tf.newaxis], l2 * batch.weights[:, tf.newaxis]
        moves = Rows(
            error - batch.user_damping * rows.user_bias,
            error - batch.item_damping * rows.item_bias,
            pull * rows.item - kept * rows.user,
            pull * rows.user - kept * rows.item,
        )
        return moves, error

    return tf.function(step, jit_compile=True) if compute.xla else step


def predict(rows: Rows, mixed_precision: bool = False) -> tf.Tensor:
    """Return standardised predictions, float32 `[b]`."""
    kind = tf.bfloat16 if mixed_precision else tf.float32
    products = tf.cast(rows.user, kind) * tf.cast(rows.item, kind)
    return rows.user_bias + rows.item_bias + tf.reduce_sum(tf.cast(products, tf.float32), axis=1)


def squared_errors(rows: Rows, batch: Batches, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """Return the sum of squared errors of predictions clipped to standardised `low` and `high`."""
    predicted = tf.clip_by_value(predict(rows), low, high)
    return tf.reduce_sum(batch.weights * tf.square(batch.targets - predicted))
