"""Synchronous descent: every replica has all tables and takes its part of each batch; moves are gathered."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from components.distributed.training import Training

from . import TrainSettings
from .batches import Batches, Deck
from .network import Factors, Ratings
from .step import Rows, learning_rate, squared_errors, step_function

# Steps between two signs of progress.
_STRETCH = 256
_CHUNK = 16_384
# Row numbers travel with the moves as two floats, exact up to 2**36.
_RADIX = 4096
_NUMBERS = 4


class ReplicatedDescent:
    """Fit `factors`, whose variables are mirrored by the strategy, on ratings dealt out to its replicas.

    One gather per step carries the moves of the rows that the batch touches, so that its cost does not grow
    with the tables. All replicas apply the same moves in the same order.

    Args:
        factors: Made in the scope of the strategy.
        ratings: All of them, the same in every process.
        settings: How to train.
        training: The strategy and how to compute.
        batch_size: Ratings per step of all replicas together.
    """

    def __init__(
        self,
        factors: Factors,
        ratings: Ratings,
        settings: TrainSettings,
        training: Training,
        batch_size: int,
    ) -> None:
        self.factors = factors
        self._settings = settings
        self._training = training
        self._strategy = training.strategy
        self._replicas = self._strategy.num_replicas_in_sync
        self._size = -(-batch_size // self._replicas)
        self._deck = Deck(ratings, factors.scale, settings)
        self._compute = step_function(settings.embedding_l2, training.compute)

    def epoch(self, number: tf.Tensor) -> tf.Tensor:
        """Run epoch `number`, int32 from 0; return the mean squared error on the way, standardised."""
        epoch = int(number)
        batches = self._dealt(lambda part: self._deck.shuffled(epoch, self._size, part, self._replicas))
        steps = self._steps(batches)
        rate = tf.constant(learning_rate(self._settings, epoch))
        squares = 0.0
        for start in range(0, steps, _STRETCH):
            end = min(steps, start + _STRETCH)
            squares += float(self._run(batches, tf.constant(start), tf.constant(end), rate))
            self._training.progress(f"epoch {epoch + 1}, step {end} of {steps}")
        self._align()
        return tf.constant(squares / self._deck.count)

    def rmse(self, ratings: Ratings) -> float:
        """Return the root mean squared error of predicted `ratings`; the same number in every process."""
        deck = Deck(ratings, self.factors.scale, self._settings)
        batches = self._dealt(lambda part: deck.in_order(_CHUNK, part, self._replicas))
        squares = self._squares(batches, tf.constant(self._steps(batches)))
        self._training.progress("validation")
        # An exact sum: processors add in different orders, and all have to decide alike.
        total = math.fsum(map(float, squares.numpy().ravel()))
        return self.factors.scale.deviation * math.sqrt(total / len(ratings))

    def _dealt(self, deal: Callable[[int], Batches]) -> Batches:
        # Each replica is given its own batches, on its device.
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: Batches(*map(tf.constant, deal(context.replica_id_in_sync_group)))
        )

    def _steps(self, batches: Batches) -> int:
        return int(self._strategy.experimental_local_results(batches.users)[0].shape[0])

    @tf.function(reduce_retracing=True)
    def _run(self, batches: Batches, first: tf.Tensor, end: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        squares = tf.constant(0.0)
        for step in tf.range(first, end):
            packed = self._strategy.gather(self._strategy.run(self._moves, (batches, step)), axis=0)
            users, items, errors, moves = self._unpack(packed)
            squares += tf.reduce_sum(tf.square(errors))
            for table, rows, move in zip(
                self.factors.tables, (users, items, users, items), moves, strict=True
            ):
                self._strategy.extended.update(table, _add, args=(rows, rate * move))
        return squares

    def _moves(self, batches: Batches, step: tf.Tensor) -> tf.Tensor:
        batch = batches.step(step)
        moves, errors = self._compute(self._look_up(batch), batch)
        numbers = [part for rows in (batch.users, batch.items) for part in (rows // _RADIX, rows % _RADIX)]
        columns = [*(tf.cast(part, tf.float32) for part in numbers), errors, moves.user_bias, moves.item_bias]
        return tf.concat([tf.stack(columns, axis=1), moves.user, moves.item], axis=1)

    def _unpack(self, packed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, Rows]:
        width = self._settings.dimensions
        sizes = [_NUMBERS, 1, 1, 1, width, width]
        numbers, errors, user_bias, item_bias, user, item = tf.split(packed, sizes, axis=1)
        high, low = tf.cast(numbers[:, 0::2], tf.int32), tf.cast(numbers[:, 1::2], tf.int32)
        rows = high * _RADIX + low
        return rows[:, 0], rows[:, 1], errors, Rows(user_bias[:, 0], item_bias[:, 0], user, item)

    @tf.function(reduce_retracing=True)
    def _squares(self, batches: Batches, steps: tf.Tensor) -> tf.Tensor:
        sums = tf.TensorArray(tf.float32, size=steps, element_shape=[self._replicas])
        for step in tf.range(steps):
            local = self._strategy.run(self._local_squares, (batches, step))
            gathered = tf.ensure_shape(self._strategy.gather(local, axis=0), [self._replicas])
            sums = sums.write(step, gathered)
        return sums.stack()

    def _local_squares(self, batches: Batches, step: tf.Tensor) -> tf.Tensor:
        batch = batches.step(step)
        low, high = self.factors.standardised_range
        return squared_errors(self._look_up(batch), batch, low, high)[tf.newaxis]

    def _look_up(self, batch: Batches) -> Rows:
        user_bias, item_bias, user, item = self.factors.tables
        return Rows(
            tf.gather(user_bias, batch.users),
            tf.gather(item_bias, batch.items),
            tf.gather(user, batch.users),
            tf.gather(item, batch.items),
        )

    @tf.function
    def _align(self) -> None:
        # Accelerators add in no fixed order, so that copies drift apart by rounding; once an epoch they meet.
        for table in self.factors.tables:
            mine = self._strategy.run(tf.identity, (table,))
            mean = self._strategy.reduce(tf.distribute.ReduceOp.MEAN, mine, axis=None)
            self._strategy.extended.update(table, _assign, args=(mean,))


def _add(table: tf.Variable, rows: tf.Tensor, moves: tf.Tensor) -> tf.Operation:
    return table.scatter_add(tf.IndexedSlices(moves, rows))


def _assign(table: tf.Variable, value: tf.Tensor) -> tf.Operation:
    return table.assign(value)
