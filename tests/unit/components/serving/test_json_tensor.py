from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.serving.errors import Code, ServingError
from components.serving.json_tensor import NUMPY, read_inputs, signature_name

INTEGERS = sorted(name for name in NUMPY if "int" in name)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, max_side=4)


def read(document, dtype="float"):
    return read_inputs(document, {"x": dtype}).arrays["x"]


def refusal(document, dtypes):
    with pytest.raises(ServingError) as caught:
        read_inputs(document, dtypes)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize("key", ["instances", "inputs"])
@given(st.data())
def test_numbers_survive_both_formats(key, data):
    dtype = data.draw(st.sampled_from([*INTEGERS, "float", "double", "bool"]))
    array = data.draw(arrays.arrays(NUMPY[dtype], SHAPES))
    result = read({key: array.tolist()}, dtype)
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize("key", ["instances", "inputs"])
@given(st.lists(st.binary(), min_size=1, max_size=5))
def test_base64_carries_any_bytes(key, values):
    document = {key: [{"b64": base64.b64encode(value).decode()} for value in values]}
    assert read(document, "string").tolist() == values


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_text_becomes_utf_8(values):
    assert [value.decode() for value in read({"instances": values}, "string")] == values


@given(st.sampled_from(INTEGERS), st.integers(1, 2**70), st.booleans())
def test_integer_outside_the_type_is_refused_and_named(dtype, distance, above):
    limits = np.iinfo(NUMPY[dtype])
    value = limits.max + distance if above else limits.min - distance
    code, message = refusal({"inputs": [0, value, 1]}, {"x": dtype})
    assert code is Code.INVALID_ARGUMENT
    assert message == f"JSON Value: {value} Type: Number is not of expected type: {dtype}"


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_tensor_takes_its_limits(dtype):
    limits = np.iinfo(NUMPY[dtype])
    assert read({"inputs": [limits.min, limits.max]}, dtype).tolist() == [limits.min, limits.max]


@pytest.mark.parametrize("value", [1e39, 1e400, 10**400])
def test_float_too_large_is_infinite(value):
    assert read({"inputs": [value, -value]}).tolist() == [np.inf, -np.inf]


def test_scalar_is_a_tensor_without_dimensions():
    assert read({"inputs": 3}).shape == ()


def test_empty_list_is_an_empty_tensor():
    assert read({"inputs": []}).shape == (0,)
    assert read({"inputs": [[], []]}).shape == (2, 0)


def test_rows_are_stacked_by_name():
    rows = [{"a": [1.0, 2.0], "b": "x"}, {"b": "y", "a": [3, 4]}]
    inputs = read_inputs({"instances": rows}, {"a": "float", "b": "string"}).arrays
    assert inputs["a"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert inputs["b"].tolist() == [b"x", b"y"]


def test_first_wrong_row_is_named():
    rows = [[1.0]] * 7 + [["x"]] + [[None]]
    _, message = refusal({"instances": rows}, {"x": "float"})
    assert message.startswith("Failed to process element: 7 of 'instances' list. Error: INVALID_ARGUMENT: ")


@pytest.mark.parametrize("rank", [33, 60])
def test_more_dimensions_than_an_array_has_are_refused(rank):
    value = 1.0
    for _ in range(rank):
        value = [value]
    code, message = refusal({"inputs": value}, {"x": "float"})
    assert code is Code.INVALID_ARGUMENT
    assert "unexpected level" in message


def test_lone_surrogate_is_refused():
    assert "surrogate" in refusal({"inputs": ["\ud800"]}, {"x": "string"})[1]


def test_list_nested_deeper_than_its_first_element_is_refused():
    _, message = refusal({"inputs": [1.0, [1.0]]}, {"x": "float"})
    assert message == "Encountered list at unexpected level: 1 expected < 1"


def test_signature_name_defaults_to_none_named():
    assert signature_name({}) == ""
    assert signature_name({"signature_name": "embed"}) == "embed"


OPTIONAL = {"x": "float", "factor": "float"}


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"inputs": {"x": [1.0]}}, {"x"}),
        ({"inputs": {"x": [1.0], "factor": [2.0]}}, {"x", "factor"}),
        ({"instances": [{"x": 1.0}, {"x": 2.0}]}, {"x"}),
        ({"instances": [{"x": 1.0, "factor": 2.0}]}, {"x", "factor"}),
    ],
)
def test_an_optional_input_may_be_left_out(document, names):
    assert read_inputs(document, OPTIONAL, {"factor"}).arrays.keys() == names


@pytest.mark.parametrize(
    "document",
    [
        {"inputs": {"factor": [2.0]}},
        {"instances": [{"factor": 2.0}]},
        {"instances": [{"x": 1.0}, {"x": 1.0, "factor": 2.0}]},
        {"instances": [{"x": 1.0, "factor": 2.0}, {"x": 1.0}]},
        {"instances": [1.0]},
    ],
)
def test_other_inputs_and_some_rows_may_not(document):
    with pytest.raises(ServingError):
        read_inputs(document, OPTIONAL, {"factor"})
