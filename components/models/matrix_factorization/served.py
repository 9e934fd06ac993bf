"""Asynchronous descent: tables on parameter servers, batches scheduled on whichever worker is free."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from components.distributed.training import Training

from . import TrainSettings
from .batches import Batches, Deck
from .network import Factors, Ratings
from .step import Rows, learning_rate, squared_errors, step_function

# Batches that a worker takes at a time: fewer requests to schedule, but more to repeat when it is lost.
_AT_A_TIME = 16
_CHUNK = 16_384


class ServedDescent:
    """Fit `factors`, whose variables are on parameter servers.

    A worker looks up the rows of a batch and adds its moves to them; it takes one batch at a time, so that
    one worker does what one process does, and n workers look up rows that are up to n - 1 batches old. Every
    rating is taken once an epoch; those of a lost worker are taken by another.

    Args:
        factors: Made in the scope of the strategy.
        ratings: All of them.
        settings: How to train.
        training: The strategy and how to compute.
        batch_size: Ratings per step of one worker.
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
        self._size = batch_size
        self._deck = Deck(ratings, factors.scale, settings)
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(training.strategy)
        self._compute = step_function(settings.embedding_l2, training.compute)

    def epoch(self, number: tf.Tensor) -> tf.Tensor:
        """Run epoch `number`, int32 from 0; return the mean squared error on the way, standardised."""
        epoch = int(number)
        rate = learning_rate(self._settings, epoch)
        batches = self._deck.shuffled(epoch, self._size)
        squares = self._schedule(self._descend, batches, f"epoch {epoch + 1}", np.float32(rate))
        return tf.constant(squares / self._deck.count)

    def rmse(self, ratings: Ratings) -> float:
        """Return the root mean squared error of predicted `ratings`."""
        deck = Deck(ratings, self.factors.scale, self._settings)
        squares = self._schedule(self._squares, deck.in_order(_CHUNK), "validation")
        return self.factors.scale.deviation * float(np.sqrt(squares / len(ratings)))

    def _schedule(self, function: Any, batches: Batches, what: str, *arguments: Any) -> float:
        steps = len(batches.users)
        tasks = [
            self._coordinator.schedule(function, args=(*_cut(batches, start), *arguments))
            for start in range(0, steps, _AT_A_TIME)
        ]
        total = 0.0
        for done, task in enumerate(tasks, start=1):
            total += float(task.fetch())
            self._training.progress(f"{what}, task {done} of {len(tasks)}")
        self._coordinator.join()
        return total

    @tf.function(reduce_retracing=True)
    def _descend(
        self,
        users: tf.Tensor,
        items: tf.Tensor,
        targets: tf.Tensor,
        user_damping: tf.Tensor,
        item_damping: tf.Tensor,
        weights: tf.Tensor,
        rate: tf.Tensor,
    ) -> tf.Tensor:
        batches = Batches(users, items, targets, user_damping, item_damping, weights)
        squares = tf.constant(0.0)
        for step in tf.range(tf.shape(users)[0]):
            batch = batches.step(step)
            moves, errors = self._compute(self._look_up(batch), batch)
            rows = (batch.users, batch.items, batch.users, batch.items)
            for table, row, move in zip(self.factors.tables, rows, moves, strict=True):
                table.scatter_add(tf.IndexedSlices(rate * move, row))
            squares += tf.reduce_sum(tf.square(errors))
        return squares

    @tf.function(reduce_retracing=True)
    def _squares(self, *columns: tf.Tensor) -> tf.Tensor:
        batches, (low, high) = Batches(*columns), self.factors.standardised_range
        total = tf.constant(0.0)
        for step in tf.range(tf.shape(batches.users)[0]):
            batch = batches.step(step)
            total += squared_errors(self._look_up(batch), batch, low, high)
        return total

    def _look_up(self, batch: Batches) -> Rows:
        user_bias, item_bias, user, item = self.factors.tables
        look_up = tf.nn.embedding_lookup
        return Rows(
            look_up(user_bias, batch.users),
            look_up(item_bias, batch.items),
            look_up(user, batch.users),
            look_up(item, batch.items),
        )


def _cut(batches: Batches, start: int) -> list[tf.Tensor]:
    return [tf.constant(column[start : start + _AT_A_TIME]) for column in batches]
