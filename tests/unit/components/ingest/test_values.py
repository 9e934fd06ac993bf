"""Fields become ids, numbers, times and lists, or say what is wrong with them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.ingest import values
from components.ingest.values import BadValue

int64 = st.integers(-(2**63), 2**63 - 1)


@given(int64)
def test_whole_numbers_of_64_bits_keep_every_digit(value: int) -> None:
    assert values.whole(str(value), "score") == value
    assert values.timestamp(str(value)) == value


@pytest.mark.parametrize(
    "text", ["1.5", "9223372036854775808", "1e30", "", "x", "nan", "1_000", "--5", "9" * 5000]
)
def test_other_numbers_are_refused_with_their_text(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        values.whole(text, "score")

    assert "`score` is" in caught.value.problem
    assert text in caught.value.problem


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))
def test_dates_are_seconds_in_utc(when: datetime) -> None:
    seconds = int(when.replace(tzinfo=timezone.utc).timestamp())

    assert values.timestamp(when.isoformat()) == seconds
    assert values.timestamp(f"{when.isoformat(timespec='seconds')}Z") == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(("text", "seconds"), [("1970-01-01T01:00:00+01:00", 0), ("12.9", 12), ("1e3", 1000)])
def test_times_are_read_in_every_usual_form(text: str, seconds: int) -> None:
    assert values.timestamp(text) == seconds


@pytest.mark.parametrize("text", ["yesterday", "2020-13-01", "inf", "", "--5", "9" * 5000])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(BadValue, match="`timestamp` is"):
        values.timestamp(text)


@given(st.floats(0.5, 5))
def test_ratings_in_range_are_kept(rating: float) -> None:
    assert values.rating(repr(rating), 0.5, 5) == rating


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda rating: not 0.5 <= rating <= 5))
def test_the_cure_of_a_rating_out_of_range_is_a_range_that_has_it(rating: float) -> None:
    with pytest.raises(BadValue) as caught:
        values.rating(repr(rating), 0.5, 5)

    low, high = caught.value.cure.partition("rating_range=[")[2].removesuffix("]`.").split(",")
    # Six digits are printed.
    assert float(low) <= rating + abs(rating) * 1e-5
    assert float(high) >= rating - abs(rating) * 1e-5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Drama|War", ["Drama", "War"]),
        ("Home, Garden|Tools", ["Home, Garden", "Tools"]),
        ("Action, Noir", ["Action", "Noir"]),
        ("a;b", ["a", "b"]),
        ("Drama", ["Drama"]),
        ("(no genres listed)", []),
        ("", []),
    ],
)
def test_genres_are_divided_by_the_mark_that_is_there(text: str, expected: list[str]) -> None:
    assert values.genres(text) == expected
