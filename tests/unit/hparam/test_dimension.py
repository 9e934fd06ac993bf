from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hparam.dimension import Choice, Dimension, Number

DIMENSIONS: list[Dimension] = [
    Number(-5.0, 10.0),
    Number(1e-5, 1e-1, log=True),
    Number(3, 17, integer=True),
    Number(8, 1024, log=True, integer=True),
    Choice(("bm25", 1, 1.0, True, None, ["a", "b"])),
]


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=repr)
@given(unit=st.floats(0, 1))
def test_values_are_plain_json_in_range_and_stay_the_same_on_the_way_there_and_back(
    dimension: Dimension, unit: float
) -> None:
    value = dimension.at(unit)
    again = json.loads(json.dumps(value))
    assert type(again) is type(value) and again == value
    assert dimension.contains(again)
    assert dimension.at(dimension.unit(value)) == value
    snapped = float(dimension.snap(np.array([unit]))[0])
    assert dimension.at(snapped) == value
    assert snapped == pytest.approx(dimension.unit(value), abs=5e-6)


@pytest.mark.parametrize(("low", "high"), [(-5.0, 10.0), (0.005, 0.1)])
def test_numbers_reach_both_bounds_and_need_few_digits(low: float, high: float) -> None:
    number = Number(low, high)
    assert (number.at(0), number.at(1)) == (low, high)
    assert len(repr(number.at(1 / 3))) <= 9


def test_whole_numbers_are_equally_likely_the_ends_too() -> None:
    values = [Number(1, 4, integer=True).at(unit) for unit in np.linspace(0.001, 0.999, 400)]
    assert all(abs(values.count(value) - 100) <= 1 for value in range(1, 5))


def test_equal_ratios_are_equally_far_apart_on_a_logarithmic_scale() -> None:
    number = Number(0.001, 0.1, log=True)
    assert number.at(0.5) == pytest.approx(0.01)


@pytest.mark.parametrize("value", [True, 3.0, "3", None, 2, 18])
def test_what_is_no_whole_number_in_range_is_not_contained(value: object) -> None:
    assert not Number(3, 17, integer=True).contains(value)


def test_choices_that_python_takes_for_equal_are_told_apart() -> None:
    choice = Choice((1, True, 1.0))
    assert [choice.index(value) for value in (1, True, 1.0)] == [0, 1, 2]
