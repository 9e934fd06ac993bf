import numpy as np
import pytest

from components.metrics.rating import rating_errors


def random_ratings(count: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    random = np.random.default_rng(0)
    return random.integers(1, 6, count).astype(np.float32), random.normal(3, 1, count), random


@pytest.mark.parametrize("count", [1, 7, 4321])
def test_errors_are_the_textbook_ones_overall_and_by_slice(count):
    labels, predictions, random = random_ratings(count)
    bands = {
        "age": random.choice(["1-9", "10-20", "21 and more"], count),
        "sex": random.choice(["f", "m"], count),
    }
    overall, slices = rating_errors(labels, predictions, bands)
    masks = {"": np.full(count, True)}
    masks |= {f"{name}: {band}": column == band for name, column in bands.items() for band in set(column)}
    found = {"": overall, **slices}
    assert set(found) == set(masks)
    for name, mask in masks.items():
        errors = predictions[mask] - labels[mask]
        assert found[name]["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)
        assert found[name]["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-6)
        assert found[name].get("count", count) == mask.sum()


def test_slices_come_in_the_order_of_their_numbers():
    labels, predictions, random = random_ratings(50)
    bands = {"n": random.choice(["100 and more", "0", "9-99", "1-8"], 50)}
    _, slices = rating_errors(labels, predictions, bands)
    assert list(slices) == ["n: 0", "n: 1-8", "n: 9-99", "n: 100 and more"]


def test_a_perfect_prediction_has_no_error():
    labels, _, _ = random_ratings(10)
    overall, slices = rating_errors(labels, labels.copy(), {"all": np.full(10, "x")})
    assert overall == {"rmse": 0, "mae": 0}
    assert slices == {"all: x": {"rmse": 0, "mae": 0, "count": 10}}
