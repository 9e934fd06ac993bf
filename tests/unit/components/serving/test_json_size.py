from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving import json_size
from components.serving.errors import ServingError

ROWS = 10
VALUE = st.recursive(
    st.integers(0, 9) | st.text('[]{},"\\x', max_size=5), lambda inner: st.lists(inner, max_size=4)
)


def refusal(document, **limits) -> ServingError:
    with pytest.raises(ServingError) as caught:
        json_size.check(json.dumps(document).encode(), ROWS, **limits)
    return caught.value


@given(
    st.lists(VALUE, min_size=1, max_size=2 * ROWS), st.dictionaries(st.text(max_size=3), VALUE, max_size=3)
)
def test_rows_are_counted_whatever_is_in_them_and_around_them(rows, around):
    document = {**around, "instances": rows, "inputs": {"x": [0] * 100}}
    body = json.dumps(document).encode()
    if len(rows) > ROWS:
        message = f"The request has {len(rows)} rows; this server takes at most {ROWS} at a time."
        assert (refusal(document).message, refusal(document).http_status) == (message, 400)
    else:
        json_size.check(body, ROWS)


def test_objects_are_rows_too():
    assert "has 11 rows" in refusal({"instances": [{"a": 1, "b": [1, 2]}] * 11}).message
    json_size.check(json.dumps({"instances": [{"a": 1, "b": [1, 2]}] * 10}).encode(), ROWS)


@pytest.mark.parametrize("value", [[1] * 60, [[]] * 60], ids=["numbers", "lists"])
def test_too_many_values_are_refused_without_parsing(value):
    assert refusal({"inputs": {"x": value}}, max_values=50).http_status == 413


@pytest.mark.parametrize("body", [b"", b"{", b'"', b"]]]]" * 20, b"\\" * 99, b"," * 99, bytes(99), b"{" * 99])
def test_what_is_no_json_is_left_to_the_parser(body):
    try:
        json_size.check(body, ROWS)
    except ServingError as error:
        assert error.http_status == 400
