"""Descent through tf.distribute in one process; tests/chaos and tests/cluster run several."""

import numpy as np
import pytest

from components.distributed.training import Training
from components.family import ComputeSettings
from components.models.matrix_factorization.descent import rmse
from components.models.matrix_factorization.fit import fit, new_descent, terms
from components.models.matrix_factorization.replicated import ReplicatedDescent

from .conftest import low_rank, settings

TRAIN = settings(train={"epochs": 60}).train
COMPUTE = {
    "xla": ComputeSettings(xla=True),
    "mixed precision": ComputeSettings(mixed_precision=True),
    "both": ComputeSettings(xla=True, mixed_precision=True),
}


def ignore(series: str, epoch: int, value: float) -> None:
    """Report to nobody."""


@pytest.fixture(scope="module")
def plain() -> float:
    train, test = low_rank(users=120, items=60)
    return rmse(fit(train, TRAIN, ignore), test)


@pytest.mark.parametrize("name", list(COMPUTE))
def test_it_learns_what_plain_descent_learns(plain, name):
    train, test = low_rank(users=120, items=60)
    factors = fit(train, TRAIN, ignore, Training(COMPUTE[name]))
    # Batches are drawn in another order, and so small a data set shows it.
    assert rmse(factors.copy(), test) == pytest.approx(plain, rel=0.03)


def test_a_step_is_the_plain_step():
    ratings, _ = low_rank()
    # One batch of everything: then the order does not matter.
    whole = settings(train={"learning_rate": 1e-4, "batch_size": 1023}).train
    plain = new_descent(ratings, whole, Training())
    other = new_descent(ratings, whole, Training(ComputeSettings(xla=True)))
    assert isinstance(other, ReplicatedDescent)
    errors = [descent.epoch(np.int32(0)).numpy() for descent in (plain, other)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-5)
    for mine, theirs in zip(plain.factors.tables, other.factors.tables, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-6)


def test_validation_is_the_rmse_of_clipped_predictions():
    train, test = low_rank()
    descent = new_descent(train, TRAIN, Training(COMPUTE["xla"]))
    for epoch in range(5):
        descent.epoch(np.int32(epoch))
    assert descent.rmse(test) == pytest.approx(rmse(descent.factors, test), rel=1e-5)


def test_progress_is_told_in_words():
    told: list[str] = []
    training = Training(COMPUTE["xla"], progress=told.append)
    new_descent(low_rank()[0], TRAIN, training).epoch(np.int32(2))
    assert told == ["epoch 3, step 1 of 1"] or told[-1].startswith("epoch 3, step ")


def test_the_terms_say_batch_and_learning_rate():
    ratings, _ = low_rank()
    said = terms(ratings, TRAIN, Training(COMPUTE["xla"]))
    assert said["replicas"] == 1
    assert said["global_batch"] == said["batch_per_replica"] > 0
    assert said["learning_rate"] == TRAIN.learning_rate
    assert said["xla"] is True
