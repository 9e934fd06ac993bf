from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from hparam.acquisition import gradient, log_improvement


def one(mean: float, deviation: float, best: float = 0.0) -> float:
    return float(log_improvement(np.array([mean]), np.array([deviation]), best)[0])


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (-2.0, 0.5), (1.5, 0.3), (3.0, 0.5)])
def test_improvement_is_the_integral_that_defines_it(mean: float, deviation: float) -> None:
    expected, _ = quad(
        lambda y: -y * norm.pdf(y, mean, deviation), mean - 12 * deviation, 0, epsabs=1e-14, limit=200
    )
    assert np.exp(one(mean, deviation)) == pytest.approx(expected, rel=1e-5)


def test_hopeless_places_are_still_told_apart() -> None:
    values = [one(mean, 0.01) for mean in (0.09, 0.0999, 0.1, 0.1001, 0.2, 1.0, 50.0)]
    assert np.isfinite(values).all() and values == sorted(values, reverse=True)


def test_certain_places_promise_what_they_are_better_by() -> None:
    assert np.exp(one(-0.5, 0.0)) == pytest.approx(0.5)
    assert one(0.5, 0.0) < -1e6


@pytest.mark.parametrize("mean", [-3.0, 0.0, 2.0, 9.9, 10.1, 40.0])
def test_gradient_is_that_of_small_steps(mean: float) -> None:
    by_mean, by_deviation = gradient(np.array([mean]), np.array([1.0]), 0.0)
    step = 1e-6
    assert by_mean[0] == pytest.approx((one(mean + step, 1) - one(mean - step, 1)) / (2 * step), rel=1e-3)
    assert by_deviation[0] == pytest.approx(
        (one(mean, 1 + step) - one(mean, 1 - step)) / (2 * step), rel=1e-3
    )
