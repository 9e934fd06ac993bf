"""How far a training has come: kept in the backup, so that a restarted process goes on from there."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

import tensorflow as tf

from components.distributed.training import Training

_LOG = logging.getLogger(__name__)


@dataclass
class Notes:
    """What is kept beside the variables.

    Attributes:
        stage: Series of the stage under way: `train`, then `refit`.
        epoch: Epochs done in this stage.
        best: Lowest validation RMSE so far.
        best_epoch: The epoch after which it was.
        curves: Series -> RMSE by epoch.
    """

    stage: str = ""
    epoch: int = 0
    best: float = math.inf
    best_epoch: int = 1
    curves: dict[str, list[float]] = field(default_factory=dict)


class Course:
    """The epochs of a training, continued after those that the backup has.

    Args:
        training: Gives the backup, and how often to save.
        report: Called with the series, epoch from 1 and RMSE in ratings; restored epochs are reported again.
    """

    def __init__(self, training: Training, report: Callable[[str, int, float], None]) -> None:
        self.training = training
        self._report = report
        kept = training.backup.notes()
        self.notes = Notes(**kept) if kept else Notes()
        self._restored = kept is not None
        self._unsaved = 0
        for series, values in self.notes.curves.items():
            for epoch, value in enumerate(values, start=1):
                report(series, epoch, value)

    def is_past(self, stage: str) -> bool:
        """Return whether `stage` was over when the backup was made."""
        return self._restored and self.notes.stage != stage

    def epochs(self, stage: str, model: tf.Module, count: int) -> Iterator[int]:
        """Yield the epochs from 1 to `count` that are still to do, with `model` as after those before.

        Raises:
            ConnectionError: The processes do not continue from the same epoch.
        """
        if self._restored and self.notes.stage == stage:
            self.training.agree(self.notes.epoch)
            self.training.backup.restore(model)
            _LOG.info("continuing %s after epoch %d of the backup", stage, self.notes.epoch)
        else:
            self.training.agree(0)
            self.notes.stage, self.notes.epoch = stage, 0
        self._restored = False
        yield from range(self.notes.epoch + 1, count + 1)

    def report(self, series: str, epoch: int, value: float) -> None:
        """Note the RMSE of one epoch, counted from 1."""
        _LOG.info("epoch %d: %s rmse %.4f", epoch, series, value)
        self.notes.curves.setdefault(series, []).append(value)
        self._report(series, epoch, value)

    def validated(self, epoch: int, error: float) -> None:
        """Note the validation RMSE after `epoch`."""
        self.report("validation", epoch, error)
        if error < self.notes.best:
            self.notes.best, self.notes.best_epoch = error, epoch

    def save(self, model: tf.Module, epoch: int) -> None:
        """Note that `epoch` is done; back it up if enough has been done since the last backup."""
        self.notes.epoch = epoch
        self._unsaved += 1
        if self._unsaved >= self.training.compute.checkpoint_epochs:
            self.training.backup.save(model, asdict(self.notes))
            self._unsaved = 0
