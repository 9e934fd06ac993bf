from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving.errors import Code, ServingError
from components.serving.json_depth import MAX_DEPTH, bounded
from components.serving.json_parse import parse

BRACKETS = [("[", "]"), ('{"k":', "}")]
SMALL = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('[]{}":,\\a'), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


def nested(depth: int, brackets: tuple[str, str] = BRACKETS[0]) -> str:
    return brackets[0] * depth + "1" + brackets[1] * depth


def refusal(body: str) -> str:
    with pytest.raises(ServingError) as caught:
        bounded(body.encode())
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, 10_000])
@pytest.mark.parametrize("brackets", BRACKETS)
@pytest.mark.parametrize("key", ["inputs", "instances", "examples", "context", "signature_name"])
def test_depth_of_a_key_that_is_used_is_bounded_to_the_level(depth, brackets, key):
    body = f'{{"{key}": {nested(depth, brackets)}}}'
    if depth < MAX_DEPTH:
        assert bounded(body.encode()) == body.encode()
    else:
        assert "deeper than 64" in refusal(body)


@pytest.mark.parametrize("depth", [MAX_DEPTH, 500_000])
@pytest.mark.parametrize("brackets", BRACKETS)
def test_a_deep_value_of_an_unused_key_is_as_good_as_none(depth, brackets):
    deep = nested(depth, brackets)
    body = f'{{"a": {deep}, "inputs": [1], "b" : {deep} , "c": [2]}}'.encode()
    assert parse(body) == {"a": None, "inputs": [1], "b": None, "c": [2]}


@pytest.mark.parametrize(
    "body",
    [
        '{"a":' + "[" * 1_000_000,
        '{"a": ' + nested(100) + "]}",
        '{"a": ' + "[" * 100 + "{1]" + "]" * 99 + "}}",
        nested(100),
        "{" + nested(100) + "}",
        '{"input\\u0073": ' + nested(100) + "}",
        '{"a": 1 ' + nested(100) + "}",
        '{"a": ' + nested(2**20) + ', "b": ' + nested(2**20) + "}",
    ],
    ids=["unclosed", "closed-twice", "crossed", "list", "no-key", "escaped", "no-colon", "too-many"],
)
def test_depth_elsewhere_is_refused(body):
    assert "deeper than 64" in refusal(body)


@pytest.mark.parametrize("key", ['x\\"inputs', "inputs\\\\", "[[", 'a": [1], "'])
def test_keys_are_read_as_they_are_written(key):
    text = json.dumps(key)
    assert parse(f'{{{text}: {nested(100)}, "inputs": 1}}'.encode()) == {key: None, "inputs": 1}


@given(
    before=st.dictionaries(st.text(), SMALL, max_size=4), after=st.dictionaries(st.text(), SMALL, max_size=4)
)
def test_what_stands_around_a_deep_value_is_untouched(before, after):
    deep = nested(MAX_DEPTH)
    members = [
        *(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in before.items()),
        f'"deep": {deep}',
        *(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in after.items()),
    ]
    content = {**after, "deep": None, **before}
    assert parse(f"{{{', '.join(members)}}}".encode()) == content
