from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.example.example_pb2 import Example

from components.serving import json_examples
from components.serving.errors import Code, ServingError

TEXT = st.text(st.characters(blacklist_categories=["Cs"]))
FLOATS = st.lists(st.floats(width=32, allow_nan=False), min_size=1)
INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.booleans(), min_size=1)
BYTES = st.lists(TEXT | st.binary(), min_size=1)


def read(*examples, **more):
    return [Example.FromString(one) for one in json_examples.read({"examples": list(examples), **more})]


def as_json(value):
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def refusal(*examples):
    with pytest.raises(ServingError) as caught:
        json_examples.read({"examples": list(examples)})
    assert caught.value.code is Code.INVALID_ARGUMENT
    return caught.value.message


@given(TEXT, FLOATS, INTEGERS, BYTES)
def test_values_of_one_kind_become_a_feature_of_that_kind(name, floats, integers, texts):
    for values, kind in ((floats, "float_list"), (integers, "int64_list"), (texts, "bytes_list")):
        [example] = read({name: [as_json(value) for value in values]})
        feature = example.features.feature[name]
        expected = [value.encode() if isinstance(value, str) else value for value in values]
        assert feature.WhichOneof("kind") == kind
        assert list(getattr(feature, kind).value) == expected


@given(st.permutations([1.5, 1, "x"]))
def test_values_of_several_kinds_are_refused(values):
    kind = {float: "float", int: "int64", str: "bytes"}[type(values[0])]
    assert refusal({"a": values}) == f"Unexpected element type in feature: a expecting type: {kind}"


def test_a_number_too_large_for_an_integer_is_a_float():
    [example] = read({"a": 2**64, "b": -(2**63) - 1, "c": 1e300})
    values = {name: feature.float_list.value[0] for name, feature in example.features.feature.items()}
    assert values == {"a": 2.0**64, "b": -(2.0**63), "c": np.inf}


@pytest.mark.parametrize("value", [2**63, 2**64 - 1])
def test_an_unsigned_integer_is_refused(value):
    assert refusal({"a": value}) == "Feature: a has uint64 element. Only int64_t is supported"


def test_an_empty_list_is_a_feature_without_values():
    [example] = read({"a": []})
    assert example.features.feature["a"].WhichOneof("kind") is None


def test_the_context_is_in_each_example_and_the_example_wins():
    first, second = read({"a": 1}, {"b": 2}, context={"b": 3})
    assert first.features.feature["b"].int64_list.value == [3]
    assert second.features.feature["b"].int64_list.value == [2]
    assert second.features.feature.keys() == {"b"}


@pytest.mark.parametrize("example", [{"a": "\ud800"}, {"\ud800": 1}])
def test_half_a_surrogate_pair_is_refused(example):
    assert "surrogate pair" in refusal(example)
