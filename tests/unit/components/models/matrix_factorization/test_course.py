"""A training that is cut off at any epoch and continued is the one that was not."""

from pathlib import Path

import numpy as np
import pytest

from components.distributed.backup import Backup
from components.distributed.training import Training
from components.family import ComputeSettings
from components.models.matrix_factorization.fit import fit
from components.models.matrix_factorization.network import Factors

from .conftest import low_rank, settings

RATINGS, _ = low_rank(users=120, items=60)
TRAIN = settings(train={"epochs": 8, "dimensions": 4}).train
INTERVAL = 3


class Cut(Exception):
    """Stands for a process that is killed."""


Epochs = list[tuple[str, int]]


def run(folder: Path, limit: int) -> tuple[Factors | None, dict[str, list[float]], Epochs]:
    """Train until `limit` epochs have been run; return the model, all curves, and the epochs run."""
    backup = Backup(str(folder))
    kept = (backup.notes() or {"curves": {}})["curves"]
    restored = sum(map(len, kept.values()))
    curves: dict[str, list[float]] = {}
    live: Epochs = []

    def report(series: str, epoch: int, value: float) -> None:
        curves.setdefault(series, []).append(value)
        assert len(curves[series]) == epoch
        if sum(map(len, curves.values())) > restored and series != "validation":
            live.append((series, epoch))
            if len(live) > limit:
                raise Cut

    training = Training(ComputeSettings(checkpoint_epochs=INTERVAL), backup=backup)
    try:
        return fit(RATINGS, TRAIN, report, training), curves, live
    except Cut:
        return None, curves, live[:-1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple:
    return run(tmp_path_factory.mktemp("whole"), 1000)


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 8, 9, 11, 12, 14])
def test_a_continued_training_is_the_same_and_repeats_at_most_an_interval(tmp_path, whole, limit):
    factors, curves, epochs = whole
    cut, _, first = run(tmp_path, limit)
    assert cut is None
    again, told, second = run(tmp_path, 1000)
    assert len(first) + len(second) - len(epochs) <= INTERVAL
    assert set(first + second) == set(epochs)
    assert told.keys() == curves.keys()
    for series, values in curves.items():
        np.testing.assert_allclose(told[series], values, atol=1e-4)
    for mine, theirs in zip(again.tables, factors.tables, strict=True):
        # TensorFlow may add in another order; rounding grows with the steps.
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-4)
