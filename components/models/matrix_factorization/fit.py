"""Choose the number of epochs on a held-out part of the train split, then fit on all of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components.errors import LodestarError

from . import TrainSettings
from .descent import Descent
from .network import Factors, Ratings, Scale

Report = Callable[[str, int, float], None]

_LOG = logging.getLogger(__name__)
_CHUNK = 65_536


def fit(ratings: Ratings, settings: TrainSettings, report: Report) -> Factors:
    """Return the model of all `ratings`.

    The order of the ratings does not matter.

    Args:
        ratings: The train split, at least one rating.
        settings: How to train.
        report: Called with the series (`train`, `validation`, `refit`), epoch from 1 and RMSE in ratings.

    Raises:
        LodestarError: The error is no longer a finite number.
    """
    ratings = ratings.part(np.lexsort((ratings.items, ratings.users)))
    held_out = int(len(ratings) * settings.validation_fraction)
    order = np.random.default_rng(settings.seed).permutation(len(ratings))
    if held_out == 0:
        return run(ratings, settings, settings.epochs, "train", report)
    train, validation = ratings.part(order[held_out:]), ratings.part(order[:held_out])
    return run(ratings, settings, choose_epochs(train, validation, settings, report), "refit", report)


def choose_epochs(train: Ratings, validation: Ratings, settings: TrainSettings, report: Report) -> int:
    """Return the number of epochs after which the RMSE on `validation` is lowest, at least 1."""
    best, best_epoch = np.inf, 1
    factors = new_factors(train, settings)
    descent = Descent(factors, train, settings)
    for epoch in range(1, settings.epochs + 1):
        report("train", epoch, _one_epoch(descent, factors, epoch, settings))
        error = rmse(factors, validation)
        report("validation", epoch, error)
        if error < best:
            best, best_epoch = error, epoch
        if epoch - best_epoch >= settings.patience:
            break
    _LOG.info("validation RMSE %.4f is lowest after %d epochs", best, best_epoch)
    return best_epoch


def run(ratings: Ratings, settings: TrainSettings, epochs: int, series: str, report: Report) -> Factors:
    """Return the model after `epochs` passes over `ratings`."""
    factors = new_factors(ratings, settings)
    descent = Descent(factors, ratings, settings)
    for epoch in range(1, epochs + 1):
        report(series, epoch, _one_epoch(descent, factors, epoch, settings))
    return factors


def new_factors(ratings: Ratings, settings: TrainSettings) -> Factors:
    """Return a model that has not been trained, on the scale of `ratings`."""
    scale = Scale.of(ratings.values)
    return Factors(ratings.shape, scale, settings.dimensions, settings.init_scale, settings.seed)


def rmse(factors: Factors, ratings: Ratings) -> float:
    """Return the root mean squared error of the predicted `ratings`."""
    squares = 0.0
    for start in range(0, len(ratings), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        predicted = factors.rate(ratings.users[chunk], ratings.items[chunk]).numpy()
        squares += float(np.sum((predicted - ratings.values[chunk]) ** 2, dtype=np.float64))
    return float(np.sqrt(squares / len(ratings)))


def _one_epoch(descent: Descent, factors: Factors, epoch: int, settings: TrainSettings) -> float:
    error = factors.scale.deviation * float(np.sqrt(descent.epoch(tf.constant(epoch - 1)).numpy()))
    if not np.isfinite(error):
        raise LodestarError(
            f"Training diverged in epoch {epoch} with learning_rate {settings.learning_rate:g}.",
            cure="Lower it, e.g. --set train.learning_rate=0.01.",
        )
    return error
