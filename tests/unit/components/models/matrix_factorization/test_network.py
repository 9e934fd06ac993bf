import numpy as np
import pytest
from hypothesis import given, strategies
from hypothesis import settings as hypothesis_settings

from components.models.matrix_factorization.network import Factors, Ratings, Scale


def filled(seed: int, spread: float = 1.0, scale: Scale | None = None) -> Factors:
    """Return a model of 3 users and 4 items with random biases and embeddings."""
    factors = Factors((3, 4), scale or Scale(3.0, 1.5, 1.0, 5.0), 2, spread, seed)
    random = np.random.default_rng(seed)
    factors.user_bias.assign(np.append(random.normal(scale=spread, size=3), 0).astype(np.float32))
    factors.item_bias.assign(np.append(random.normal(scale=spread, size=4), 0).astype(np.float32))
    return factors


def by_hand(factors: Factors, user: int, item: int) -> float:
    dot = float(factors.user_embedding.numpy()[user] @ factors.item_embedding.numpy()[item])
    return 3.0 + 1.5 * (float(factors.user_bias[user]) + float(factors.item_bias[item]) + dot)


def test_rating_is_mean_plus_biases_plus_product():
    factors = filled(seed=1, spread=0.3)
    for user in range(3):
        for item in range(4):
            assert factors.rate([user], [item]).numpy()[0] == pytest.approx(
                by_hand(factors, user, item), rel=1e-5
            )


def test_unknown_item_leaves_the_mean_and_the_users_bias():
    factors = filled(seed=2, spread=0.2)
    expected = 3.0 + 1.5 * factors.user_bias.numpy()[1]
    assert factors.rate([1], [4]).numpy()[0] == pytest.approx(expected, rel=1e-6)


def test_unknown_user_and_item_are_rated_with_the_mean():
    assert filled(seed=3).rate([3], [4]).numpy()[0] == 3.0


@hypothesis_settings(deadline=None, max_examples=25)
@given(
    seed=strategies.integers(0, 10_000),
    spread=strategies.floats(0.01, 100),
    low=strategies.floats(-1000, 1000, width=32, allow_subnormal=False),
    width=strategies.floats(0, 1000, width=32, allow_subnormal=False),
)
def test_predictions_stay_in_the_range_seen_in_training(seed, spread, low, width):
    high = np.float32(low + width)
    factors = filled(seed, spread, Scale(low + width / 2, 1.0 + width, low, float(high)))
    predicted = factors.rate([0, 1, 2, 3], [0, 1, 2, 3]).numpy()
    assert (predicted >= np.float32(low)).all()
    assert (predicted <= high).all()


def test_scale_of_equal_ratings_divides_by_one():
    assert Scale.of(np.full(5, 4.0, np.float32)) == Scale(4.0, 1.0, 4.0, 4.0)


def test_scale_does_not_lose_digits_of_many_ratings():
    values = np.full(3_000_000, 100.1, np.float32)
    assert Scale.of(values).mean == pytest.approx(float(values[0]), rel=1e-9)


def test_part_keeps_the_shape():
    ratings = Ratings(np.arange(3), np.arange(3), np.arange(3.0), (3, 9))
    part = ratings.part(np.array([2, 0]))
    assert (list(part.users), list(part.values), part.shape) == ([2, 0], [2.0, 0.0], (3, 9))
