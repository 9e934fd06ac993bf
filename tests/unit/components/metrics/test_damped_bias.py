import numpy as np
import pytest

from components.metrics.damped_bias import DampedBias


def test_one_item_by_hand():
    users, items = np.array([0, 1, 2, 3]), np.array([0, 0, 1, 1])
    ratings = np.array([4.0, 4.0, 2.0, 2.0])
    model = DampedBias.fit(users, items, ratings, (4, 2), user_damping=1, item_damping=2)
    assert model.mean == 3
    # In the limit b = (2 - 2u) / 4 and u = (1 - b) / 2 hold together: b = u = 1/3.
    assert model.item_bias[:2] == pytest.approx([1 / 3, -1 / 3], abs=1e-5)
    assert model.user_bias[:4] == pytest.approx([1 / 3, 1 / 3, -1 / 3, -1 / 3], abs=1e-5)
    assert model.rate(np.array([0]), np.array([1])) == pytest.approx([3.0], abs=1e-5)


def test_unknown_rows_leave_the_other_bias_and_the_mean():
    model = DampedBias.fit(np.array([0, 1]), np.array([0, 1]), np.array([5.0, 1.0]), (2, 2))
    user = np.array([-1, 0, -1])
    item = np.array([-1, -1, 0])
    expected = [model.mean, model.mean + model.user_bias[0], model.mean + model.item_bias[0]]
    assert model.rate(user, item) == pytest.approx(expected)


def test_predictions_are_clipped_to_the_ratings_seen():
    random = np.random.default_rng(0)
    users, items = np.divmod(np.arange(200), 10)
    ratings = random.choice([1.0, 5.0], 200)
    model = DampedBias.fit(users, items, ratings, (20, 10), user_damping=0, item_damping=0)
    rated = model.rate(users, items)
    assert rated.min() >= 1
    assert rated.max() <= 5


def test_damping_pulls_rarely_rated_items_to_the_mean():
    users = np.arange(11)
    items = np.array([0] * 10 + [1])
    ratings = np.array([2.0] * 10 + [5.0])
    small, large = (DampedBias.fit(users, items, ratings, (11, 2), item_damping=d) for d in (1, 50))
    assert 0 < large.item_bias[1] < small.item_bias[1]


@pytest.mark.parametrize(("factor", "shift"), [(20.0, 0.0), (1.0, -3.0)])
def test_biases_follow_the_scale_of_the_ratings(factor, shift):
    random = np.random.default_rng(1)
    users, items = random.integers(0, 20, 100), random.integers(0, 10, 100)
    ratings = random.integers(1, 6, 100).astype(float)
    plain = DampedBias.fit(users, items, ratings, (20, 10))
    other = DampedBias.fit(users, items, factor * ratings + shift, (20, 10))
    assert other.user_bias == pytest.approx(factor * plain.user_bias)
    assert other.item_bias == pytest.approx(factor * plain.item_bias)


def test_rows_without_ratings_have_no_bias_even_without_damping():
    model = DampedBias.fit(
        np.array([0]), np.array([0]), np.array([3.0]), (2, 2), user_damping=0, item_damping=0
    )
    assert model.user_bias.tolist() == [0, 0, 0]
