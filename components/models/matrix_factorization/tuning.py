"""How good settings are, measured without the split that blesses: on the held-out part of the train split."""

from __future__ import annotations

from components.distributed.training import Training
from components.errors import InputError
from components.trial import Trial

from . import TrainSettings
from .course import Course
from .fit import choose_epochs, hold_out, in_order
from .network import Ratings


def tune(trial: Trial, ratings: Ratings, settings: TrainSettings, training: Training) -> None:
    """Report the validation RMSE of each epoch, and in the end the lowest.

    Only the chief of several processes reports.

    Args:
        trial: Where to.
        ratings: The train split.
        settings: How to train; `validation_fraction` is held out.
        training: The processes that train together.

    Raises:
        InputError: No rating is held out.
        NonFiniteError: Training diverged.
    """
    train, validation = hold_out(in_order(ratings), settings)
    if not len(validation):
        raise InputError(
            f"A trial holds out {settings.validation_fraction:g} of {len(ratings)} ratings, which is none.",
            cure="Sweep with --set train.validation_fraction=0.1, and not over it.",
        )

    def report(series: str, epoch: int, value: float) -> None:
        if training.is_chief and series == "validation":
            trial.report(epoch, {"rmse": value})

    trial.stage("training")
    course = Course(training, report)
    choose_epochs(train, validation, settings, course)
    if training.is_chief:
        trial.finish(course.notes.best_epoch, {"rmse": course.notes.best})
