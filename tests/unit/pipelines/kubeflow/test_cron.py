from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from pipelines.kubeflow.cron import Cron, parse_cron

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=timezone.utc)  # a Sunday
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    part = st.one_of(
        st.just("*"),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.integers(1, high).map(lambda step: f"*/{step}"),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


CRONS = st.tuples(*(field(*limits) for limits in RANGES))


@pytest.mark.parametrize(
    ("text", "six"),
    [
        ("0 3 * * *", "0 0 3 * * *"),
        ("*/20 9-11 * * mon-fri", "0 0,20,40 9,10,11 * * 1,2,3,4,5"),
        ("15 0 1 jan,JUL *", "0 15 0 1 1,7 *"),
        ("0 0 * * 7", "0 0 0 * * 0"),
        ("0 22-2 * * *", "0 0 0,1,2,22,23 * * *"),
        ("  0   3 * * *  ", "0 0 3 * * *"),
    ],
)
def test_five_fields_become_six_with_seconds_first(text: str, six: str) -> None:
    assert parse_cron(text).kubeflow == six


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("60 * * * *", "minute `60`"),
        ("* 24 * * *", "hour `24`"),
        ("* * 0 * *", "day of month `0`"),
        ("* * L * *", "day of month `L`"),
        ("* * ? * *", "day of month `?`"),
        ("* * * 13 *", "month `13`"),
        ("* * * sun *", "month `sun`"),
        ("* * * * 8", "day of week `8`"),
        ("* * * * 5#2", "day of week `5#2`"),
        ("*/0 * * * *", "minute `*/0`"),
        ("1,,2 * * * *", "minute `1,,2`"),
        ("-1 * * * *", "minute `-1`"),
        ("99999999999999999999 * * * *", "minute `99999999999999999999`"),
    ],
)
def test_error_names_the_field_that_is_wrong(text: str, name: str) -> None:
    with pytest.raises(InputError) as error:
        parse_cron(text)
    assert name in error.value.problem
    assert "It takes" in error.value.cure


@pytest.mark.parametrize("text", ["", "@daily", "0 3 * *", "0 0 3 * * *"])
def test_other_than_five_fields_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match="of its five fields"):
        parse_cron(text)


def test_next_firing_times_are_those_of_the_calendar() -> None:
    assert [f"{moment:%F %T}" for moment in parse_cron("0 3 * * mon").next(NOW, 3)] == [
        "2026-03-02 03:00:00",
        "2026-03-09 03:00:00",
        "2026-03-16 03:00:00",
    ]


def test_schedule_that_never_fires_is_an_error() -> None:
    with pytest.raises(InputError, match="never fires"):
        parse_cron("0 0 30 2 *").next(NOW, 1)


@given(CRONS)
def test_every_value_is_plain_and_in_range(fields: tuple[str, ...]) -> None:
    for values, (low, high) in zip(parse_cron(" ".join(fields)).fields, RANGES, strict=True):
        numbers = [] if values == "*" else [int(value) for value in values.split(",")]
        assert numbers == sorted(set(numbers))
        assert all(low <= number <= min(high, 59) for number in numbers)


@given(CRONS)
def test_canonical_form_is_its_own(fields: tuple[str, ...]) -> None:
    once = parse_cron(" ".join(fields))
    assert parse_cron(" ".join(once.fields)) == once


@given(st.integers(0, 59), st.integers(0, 23))
def test_daily_schedule_fires_once_a_day_at_its_time(minute: int, hour: int) -> None:
    times = Cron((str(minute), str(hour), "*", "*", "*")).next(NOW, 3)
    assert all((moment.hour, moment.minute, moment.second) == (hour, minute, 0) for moment in times)
    assert times[1] - times[0] == times[2] - times[1] == timedelta(days=1)
    assert timedelta(0) < times[0] - NOW <= timedelta(days=1)
