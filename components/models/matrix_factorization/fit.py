"""Choose the number of epochs on a held-out part of the train split, then fit on all of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from components.distributed.training import Training
from components.errors import NonFiniteError

from . import TrainSettings
from .course import Course
from .descent import Descent, batch_size, largest_share
from .network import Factors, Ratings, Scale
from .replicated import ReplicatedDescent
from .served import ServedDescent

Report = Callable[[str, int, float], None]

_LOG = logging.getLogger(__name__)


class AnyDescent(Protocol):
    """What descents have in common: `factors`, and epochs that fit them."""

    factors: Factors

    def epoch(self, number: tf.Tensor) -> tf.Tensor:
        """Run epoch `number`, int32 from 0; return the mean squared error on the way, standardised."""

    def rmse(self, ratings: Ratings) -> float:
        """Return the root mean squared error of predicted `ratings`."""


def fit(
    ratings: Ratings, settings: TrainSettings, report: Report, training: Training | None = None
) -> Factors:
    """Return the model of all `ratings`.

    The order of the ratings does not matter.

    Args:
        ratings: The train split, at least one rating.
        settings: How to train.
        report: Called with the series (`train`, `validation`, `refit`), epoch from 1 and RMSE in ratings.
        training: The processes that train together; None for this one alone.

    Raises:
        NonFiniteError: The error is no longer a finite number.
    """
    course = Course(training or Training(), report)
    ratings = in_order(ratings)
    train, validation = hold_out(ratings, settings)
    if not len(validation):
        return run(ratings, settings, settings.epochs, "train", course)
    return run(ratings, settings, choose_epochs(train, validation, settings, course), "refit", course)


def hold_out(ratings: Ratings, settings: TrainSettings) -> tuple[Ratings, Ratings]:
    """Return what is trained on and what validates; `ratings` are as `in_order` returns them."""
    held_out = int(len(ratings) * settings.validation_fraction)
    order = np.random.default_rng(settings.seed).permutation(len(ratings))
    return ratings.part(order[held_out:]), ratings.part(order[:held_out])


def choose_epochs(train: Ratings, validation: Ratings, settings: TrainSettings, course: Course) -> int:
    """Return the number of epochs after which the RMSE on `validation` is lowest, at least 1."""
    if course.is_past("train"):
        return course.notes.best_epoch
    descent = new_descent(train, settings, course.training)
    for epoch in course.epochs("train", descent.factors, settings.epochs):
        if epoch - course.notes.best_epoch > settings.patience:
            break
        course.report("train", epoch, _one_epoch(descent, epoch, settings))
        course.validated(epoch, descent.rmse(validation))
        course.save(descent.factors, epoch)
    best, epochs = course.notes.best, course.notes.best_epoch
    _LOG.info("validation RMSE %.4f is lowest after %d epochs", best, epochs)
    return epochs


def run(ratings: Ratings, settings: TrainSettings, epochs: int, series: str, course: Course) -> Factors:
    """Return the model after `epochs` passes over `ratings`."""
    descent = new_descent(ratings, settings, course.training)
    for epoch in course.epochs(series, descent.factors, epochs):
        course.report(series, epoch, _one_epoch(descent, epoch, settings))
        course.save(descent.factors, epoch)
    return descent.factors


def new_descent(ratings: Ratings, settings: TrainSettings, training: Training) -> AnyDescent:
    """Return the descent that the processes and accelerators of `training` need."""
    if training.is_plain:
        return Descent(new_factors(ratings, settings), ratings, settings)
    with training.strategy.scope():
        factors = new_factors(ratings, settings)
    kind = ServedDescent if training.has_parameter_servers else ReplicatedDescent
    return kind(factors, ratings, settings, training, batch_size(largest_share(ratings), settings))


def terms(ratings: Ratings, settings: TrainSettings, training: Training) -> dict[str, Any]:
    """Return on what terms `fit` trains: replicas, global batch size and learning rate.

    The learning rate is per rating and moves are added up, so it is the same for any number of replicas; the
    batch is what they take together between two looks at the tables.
    """
    size, compute = batch_size(largest_share(ratings), settings), training.compute
    replicas = compute.workers if training.has_parameter_servers else training.strategy.num_replicas_in_sync
    each = size if training.has_parameter_servers else -(-size // replicas)
    return {
        "strategy": "none" if training.is_plain else training.strategy_name,
        "replicas": replicas,
        "batch_per_replica": each,
        "global_batch": each * replicas,
        "learning_rate": settings.learning_rate,
        "mixed_precision": compute.mixed_precision,
        "xla": compute.xla,
    }


def new_factors(ratings: Ratings, settings: TrainSettings) -> Factors:
    """Return a model that has not been trained, on the scale of `ratings`."""
    scale = Scale.of(ratings.values)
    return Factors(ratings.shape, scale, settings.dimensions, settings.init_scale, settings.seed)


def _one_epoch(descent: AnyDescent, epoch: int, settings: TrainSettings) -> float:
    error = descent.factors.scale.deviation * float(np.sqrt(descent.epoch(tf.constant(epoch - 1)).numpy()))
    if not np.isfinite(error):
        raise NonFiniteError(
            f"Training diverged in epoch {epoch} with learning_rate {settings.learning_rate:g}.",
            cure="Lower it, e.g. --set train.learning_rate=0.01.",
        )
    return error


def in_order(ratings: Ratings) -> Ratings:
    """Return the ratings by user and item, so that nothing depends on the order in which they come."""
    return ratings.part(np.lexsort((ratings.items, ratings.users)))
