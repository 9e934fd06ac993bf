from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving.errors import Code, ServingError
from components.serving.json_parse import MAX_ECHO, echo, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


def refusal(body: bytes) -> str:
    with pytest.raises(ServingError) as caught:
        parse(body)
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


@given(st.dictionaries(st.text(), JSON, max_size=5), st.booleans())
def test_any_object_is_read_as_the_standard_library_reads_it(document, ascii_only):
    text = json.dumps(document, ensure_ascii=ascii_only)
    assert parse(text.encode("utf-8", "surrogatepass")) == json.loads(text)


@given(st.binary(max_size=60))
def test_any_bytes_give_an_object_or_a_refusal(body):
    try:
        assert isinstance(parse(body), dict)
    except ServingError as error:
        assert error.code is Code.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The document is empty"),
        (b"  ", "The document is empty. at offset: 2"),
        (b'{"a": [1, ', "Invalid value. at offset: 10"),
        (b'{"a": [1', "Missing a comma or ] after an array element. at offset: 8"),
        (b'{"a": [1], "b": {"c": 1 2}}', "Missing a comma or } after an object member. at offset: 24"),
        (b'{"a": 1', "Missing a comma or } after an object member. at offset: 7"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b"{1}", "Missing a name for object member. at offset: 1"),
        (b'{"a": "x', "Missing a closing quotation mark in string. at offset: 8"),
        (b'{"a": "\\x"}', "Invalid escape character in string. at offset: 7"),
        (b'{"a": 1} 2', "The document root must not be followed by other values. at offset: 9"),
        ('{"é": }'.encode(), "Invalid value. at offset: 7"),
        (b'{"a": "\xff"}', "Invalid encoding in string. at offset: 7"),
    ],
)
def test_refusal_says_what_is_wrong_and_at_which_byte(body, message):
    assert refusal(body) == f"JSON Parse error: {message}"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('{"a": 1, "b": 2, "a": 3}', {"a": 1, "b": 2}),
        ('{"a": {"k": 1, "k": 2}, "a": 3}', {"a": {"k": 1}}),
        ('{"a": [{"k": [], "k": 2}]}', {"a": [{"k": []}]}),
    ],
)
def test_the_first_of_a_key_counts(text, content):
    assert parse(text.encode()) == content


def test_depth_is_a_parameter():
    assert parse(b'{"inputs": [[1]]}', max_depth=3) == {"inputs": [[1]]}
    with pytest.raises(ServingError, match="nested deeper than 2 levels"):
        parse(b'{"inputs": [[1]]}', max_depth=2)


@pytest.mark.parametrize("text", ["[" * 1000, '\\"' + "[" * 1000, "\\\\" + "]" * 1000, '\\\\\\"[{' * 1000])
def test_brackets_in_strings_are_not_depth(text):
    assert parse(f'{{"a": "{text}"}}'.encode()) == {"a": json.loads(f'"{text}"')}


def test_many_brackets_side_by_side_are_not_depth():
    assert parse(b'{"a": [' + b"[1]," * 10_000 + b"[1]]}")["a"] == [[1]] * 10_001


def test_integer_too_long_for_the_interpreter_is_a_number():
    assert parse(b'{"a": ' + b"9" * 5000 + b', "b": 7}') == {"a": float("inf"), "b": 7}


def test_byte_order_mark_is_skipped():
    assert parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_echo_is_indented_json():
    assert echo({"é": [1.0, None]}) == '{\n    "é": [\n        1.0,\n        null\n    ]\n}'


@pytest.mark.parametrize("value", [["x" * 10_000], list(range(10_000)), "x" * 10_000])
def test_echo_is_cut(value):
    assert len(echo(value)) == MAX_ECHO + 3
