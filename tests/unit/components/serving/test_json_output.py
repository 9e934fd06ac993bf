from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.serving.errors import ServingError
from components.serving.json_output import render
from components.serving.json_tensor import read_inputs

SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3)
NUMBERS = st.sampled_from(
    ["float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool"]
).flatmap(lambda dtype: arrays.arrays(dtype, SHAPES, elements=None))
KEYS = {"row": "predictions", "columnar": "outputs"}


def text(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


@pytest.mark.parametrize("layout", ["row", "columnar"])
@given(NUMBERS)
def test_numbers_read_back_exactly(layout, array):
    content = json.loads(render({"y": array}, layout))[KEYS[layout]]
    expected = np.array(array.tolist(), dtype=array.dtype).reshape(array.shape)
    np.testing.assert_array_equal(np.array(content, dtype=array.dtype).reshape(array.shape), expected)
    assert content == array.tolist() or array.dtype.kind == "f"


@given(st.lists(st.floats(width=32), min_size=1, max_size=5))
def test_floats_round_trip_through_both_directions(values):
    array = np.array(values, dtype=np.float32)
    document = json.loads(render({"x": array}, "columnar").replace(b"outputs", b"inputs"))
    np.testing.assert_array_equal(read_inputs(document, {"x": "float"}).arrays["x"], array)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=5))
def test_float_always_shows_that_it_is_one(values):
    content = render({"y": np.array(values, np.float32)}, "row").decode()
    numbers = content.partition("[")[2].partition("\n")[0].split(", ")
    assert all("." in number or "e" in number for number in numbers)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_text_reads_back(values):
    array = text([value.encode("utf-8", "surrogatepass") for value in values])
    content = render({"y": array}, "row").decode("utf-8", "surrogatepass")
    assert json.loads(content)["predictions"] == values


@pytest.mark.parametrize(
    ("outputs", "layout", "expected"),
    [
        ({"y": np.float32([[1, 2], [3, 4]])}, "row", '"predictions": [[1.0, 2.0], [3.0, 4.0]\n    ]'),
        (
            {"b": np.int32([1, 2]), "a": np.bool_([True, False])},
            "row",
            '"predictions": [\n        {\n            "a": true,\n            "b": 1\n        },'
            '\n        {\n            "a": false,\n            "b": 2\n        }\n    ]',
        ),
        (
            {"y_bytes": text([b"a", b"b"])},
            "row",
            '"predictions": [{\n            "b64": "YQ=="\n        }, {\n'
            '            "b64": "Yg=="\n        }\n    ]',
        ),
        ({"y": np.float32([1.5])}, "columnar", '"outputs": [\n        1.5\n    ]'),
        (
            {"a": np.int32(7), "y_bytes": text([b"a"])},
            "columnar",
            '"outputs": {\n        "a": 7,\n        "y_bytes": [\n            {\n'
            '                "b64": "YQ=="\n            }\n        ]\n    }',
        ),
    ],
)
def test_layout_is_byte_for_byte(outputs, layout, expected):
    assert render(outputs, layout).decode() == f"{{\n    {expected}\n}}"


def test_rows_of_different_length_are_refused():
    with pytest.raises(ServingError, match="Tensor name: b has inconsistent batch size: 2 expecting: 1"):
        render({"a": np.zeros(1), "b": np.zeros(2)}, "row")


@pytest.mark.parametrize(("dtype", "name"), [("float16", "half"), ("complex64", "complex64")])
def test_type_without_a_json_form_is_refused(dtype, name):
    with pytest.raises(ServingError, match=f"Failed to write JSON value for tensor type: {name}"):
        render({"y": np.zeros(1, dtype)}, "columnar")


def test_bytes_that_are_no_text_go_out_as_they_are():
    assert b'"\xff\xfe"' in render({"y": text([b"\xff\xfe"])}, "row")
