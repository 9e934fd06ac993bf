from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from hparam.dimension import Choice, Number
from hparam.parameters import Parameter
from hparam.space import Space
from hparam.surrogate import Surrogate, without_outliers
from tests.landscapes import BRANIN

SPACE = BRANIN.space
UNITS = SPACE.snap(np.random.default_rng(0).random((25, 2)))
LOSSES = np.array([BRANIN.loss(SPACE.point(row)) for row in UNITS])


def fitted(kind: str = "gp", units: np.ndarray = UNITS, losses: np.ndarray = LOSSES) -> Surrogate:
    surrogate = Surrogate(SPACE, kind, seed=0)
    surrogate.fit(units, losses)
    return surrogate


@pytest.mark.parametrize("kind", ["gp", "et", "gbrt"])
def test_expected_losses_are_in_the_unit_of_the_losses(kind: str) -> None:
    assert np.corrcoef(fitted(kind).expected(UNITS), LOSSES)[0, 1] > 0.8
    assert_allclose(fitted(kind).expected(UNITS).mean(), LOSSES.mean(), rtol=0.25)


def test_one_diverged_trial_does_not_make_all_others_look_alike() -> None:
    units = np.vstack((UNITS, [[0.0, 0.0]]))
    model = fitted("gp", units, np.append(LOSSES, 1e12))
    errors = np.abs(model.expected(UNITS) - LOSSES)
    assert np.median(errors) < 0.2 * np.ptp(LOSSES)


def test_losses_that_are_bad_but_not_absurd_are_taken_as_they_are() -> None:
    assert_allclose(without_outliers(LOSSES), LOSSES)
    assert_allclose(without_outliers(np.full(5, 0.3)), np.full(5, 0.3))


@pytest.mark.parametrize("kind", ["gp", "et"])
def test_a_believed_point_promises_less_than_before(kind: str) -> None:
    model = fitted(kind)
    places = SPACE.snap(np.random.default_rng(1).random((500, 2)))
    best = places[[int(np.argmax(model.improvement(places)))]]
    before = model.improvement(best)[0]
    model.believe(best, "believer")
    assert model.improvement(best)[0] < before


def test_a_believed_point_changes_nothing_that_is_expected() -> None:
    model = fitted()
    places = SPACE.snap(np.random.default_rng(1).random((50, 2)))
    before = model.expected(places)
    model.believe(places[:3], "believer")
    assert_allclose(model.expected(places), before, atol=1e-3 * float(np.ptp(LOSSES)))


def test_a_point_taken_for_the_best_lowers_what_is_expected_there() -> None:
    model = fitted()
    worst = UNITS[[int(np.argmax(LOSSES))]] * 0.9 + 0.05
    before = model.expected(worst)[0]
    model.believe(worst, "cl_min")
    assert model.expected(worst)[0] < before - 0.2 * float(np.ptp(LOSSES))


def test_gradient_is_that_of_small_steps_also_beside_a_choice() -> None:
    space = Space(
        (Parameter("kind", Choice(("a", "b", "c"))), *(Parameter(n, Number(0.0, 1.0)) for n in ("u", "v")))
    )
    rng = np.random.default_rng(0)
    units = space.snap(rng.random((9, 3)))
    model = Surrogate(space, "gp", seed=0)
    model.fit(units, units[:, 0] + (units[:, 1] - 0.3) ** 2 + 0.5 * (units[:, 2] - 0.6) ** 2)
    place, columns, step = np.array([0.5, 0.55, 0.2]), np.array([1, 2]), 1e-4
    value, slope = model.slope(place, columns)
    assert value == pytest.approx(float(model.improvement(place[None, :])[0]))
    for column, found in zip(columns, slope, strict=True):
        ahead, behind = place.copy(), place.copy()
        ahead[column] += step
        behind[column] -= step
        change = model.improvement(np.array([ahead, behind]))
        assert found == pytest.approx((change[0] - change[1]) / (2 * step), rel=1e-2)
