import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from components.distributed.training import Training
from components.models.matrix_factorization.course import Course
from components.models.matrix_factorization.descent import Descent, batch_size, rmse
from components.models.matrix_factorization.fit import new_factors, run
from components.models.matrix_factorization.network import Ratings

from .conftest import low_rank, settings


def ignore(series: str, epoch: int, value: float) -> None:
    """Report to nobody."""


def test_one_rating_moves_its_rows_along_the_gradient():
    ratings = Ratings(np.array([1, 0]), np.array([0, 1]), np.array([5, 1], np.float32), (2, 2))
    choice = settings(train={"dimensions": 3, "init_scale": 0.5, "batch_size": 1}).train
    factors = new_factors(ratings, choice)
    before = [table.numpy() for table in (factors.user_embedding, factors.item_embedding)]
    descent = Descent(factors, ratings, choice)
    descent.epoch(tf.constant(0))
    for row, item, target in ((1, 0, 1.0), (0, 1, -1.0)):
        p, q = before[0][row], before[1][item]
        error = target - p @ q
        step = choice.learning_rate
        assert factors.user_bias.numpy()[row] == pytest.approx(step * error, rel=1e-5)
        moved = p + step * (error * q - choice.embedding_l2 * p)
        assert factors.user_embedding.numpy()[row] == pytest.approx(moved, rel=1e-5)
        moved = q + step * (error * p - choice.embedding_l2 * q)
        assert factors.item_embedding.numpy()[item] == pytest.approx(moved, rel=1e-5)


@hypothesis_settings(deadline=None, max_examples=8)
@given(seed=strategies.integers(0, 1000), factor=strategies.sampled_from([0.01, 1.0, 100.0]))
def test_an_epoch_lowers_the_training_error(seed, factor):
    ratings, _ = low_rank(seed=seed)
    ratings = Ratings(ratings.users, ratings.items, ratings.values * np.float32(factor), ratings.shape)
    factors = new_factors(ratings, settings().train)
    before = rmse(factors, ratings)
    descent = Descent(factors, ratings, settings().train)
    descent.epoch(tf.constant(0))
    assert rmse(factors, ratings) < before


def test_biases_alone_converge_to_the_damped_least_squares_solution():
    ratings, _ = low_rank()
    # An embedding that begins this small is still nothing when the biases have converged.
    choice = settings(
        train={"dimensions": 1, "init_scale": 1e-12, "epochs": 300, "bias_damping": 3.0, "half_life": 10}
    ).train
    factors = run(ratings, choice, choice.epochs, "train", Course(Training(), ignore))
    users, items = ratings.shape
    design = np.zeros((len(ratings), users + items))
    design[np.arange(len(ratings)), ratings.users] = 1
    design[np.arange(len(ratings)), users + ratings.items] = 1
    targets = (ratings.values - factors.scale.mean) / factors.scale.deviation
    exact = np.linalg.solve(design.T @ design + 3.0 * np.eye(users + items), design.T @ targets)
    found = np.concatenate([factors.user_bias.numpy()[:-1], factors.item_bias.numpy()[:-1]])
    # Descent with a step of 0.001 at the end stops within a few thousandths of a standard deviation.
    assert found == pytest.approx(exact, abs=0.01)


def test_unknown_rows_are_never_moved():
    ratings, _ = low_rank()
    factors = run(ratings, settings().train, 3, "train", Course(Training(), ignore))
    assert factors.user_bias.numpy()[-1] == factors.item_bias.numpy()[-1] == 0
    assert not factors.user_embedding.numpy()[-1].any()
    assert not factors.item_embedding.numpy()[-1].any()


@pytest.mark.parametrize(
    ("share", "expected"),
    [(1e-6, 512), (0.01, 512), (0.05, 333), (1.0, 16)],
    ids=["none", "some", "much", "all"],
)
def test_batches_shrink_with_the_share_of_the_busiest_row(share, expected):
    assert batch_size(share, settings().train) == expected


def test_one_user_with_all_ratings_is_no_danger_even_to_large_steps():
    random = np.random.default_rng(0)
    values = random.integers(1, 6, 2000).astype(np.float32)
    ratings = Ratings(np.zeros(2000, np.int64), np.arange(2000), values, (1, 2000))
    factors = run(
        ratings, settings(train={"learning_rate": 0.3}).train, 10, "train", Course(Training(), ignore)
    )
    assert rmse(factors, ratings) < values.std()
