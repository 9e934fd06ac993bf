from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.gateway import cursors
from components.gateway.cursors import Place
from components.gateway.errors import GatewayError

NUMBERS = st.integers(0, 2**53)


@given(st.tuples(NUMBERS, NUMBERS), st.none() | st.sampled_from(["stable", "canary"]), st.text())
def test_cursor_reads_back_as_the_place_it_was_made_of(numbers, label, query):
    cursor = cursors.write(Place(numbers, label), query)
    assert cursor.isascii() and "=" not in cursor
    assert cursors.read(cursor, query, 2) == Place(numbers, label)


@given(st.text(), st.text())
def test_cursor_fits_only_its_query(query, other):
    cursor = cursors.write(Place((1, 2)), query)
    if query != other:
        with pytest.raises(GatewayError, match="another query"):
            cursors.read(cursor, other, 2)


@given(st.text(max_size=500) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_anything_else_is_refused_and_breaks_nothing(text):
    with pytest.raises(GatewayError) as caught:
        cursors.read(text, "query", 2)
    assert (caught.value.status, caught.value.field) == (400, "cursor")


def test_cursor_with_other_numbers_is_refused():
    with pytest.raises(GatewayError):
        cursors.read(cursors.write(Place((1, 2, 3)), "q"), "q", 2)
    with pytest.raises(GatewayError):
        cursors.read(cursors.write(Place((1, -2)), "q"), "q", 2)
