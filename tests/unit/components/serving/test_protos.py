from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from components.serving import protos
from components.serving.errors import ServingError

NUMBERS = [
    "float16",
    "float32",
    "float64",
    "int8",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
]


@given(st.data())
def test_numbers_survive_the_message(data):
    dtype = data.draw(st.sampled_from([*NUMBERS, "complex64"]))
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    array = data.draw(arrays.arrays(dtype, shape))
    result = protos.to_array("x", protos.to_proto(array))
    assert (result.dtype, result.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(result, array)


@given(st.lists(st.binary(max_size=5), max_size=4))
def test_strings_survive_the_message(values):
    array = np.array([*values, None], dtype=object)[:-1]
    assert protos.to_array("x", protos.to_proto(array)).tolist() == values


@pytest.mark.parametrize(
    ("array", "field"), [(np.float32([[1, 2]]), "float_val"), (np.int64([3]), "int64_val")]
)
def test_values_are_in_the_typed_field(array, field):
    proto = protos.to_proto(array)
    assert list(getattr(proto, field)) == array.ravel().tolist()
    assert proto.tensor_content == b""


def test_packed_bytes_from_clients_are_read():
    proto = tf.make_tensor_proto(np.float32([1, 2, 3]))
    assert proto.tensor_content
    assert protos.to_array("x", proto).tolist() == [1, 2, 3]


@pytest.mark.parametrize("sizes", [[-1], [2**40], [2**20, 2**20], [2**62, 4]])
def test_shape_that_cannot_be_is_refused_before_it_is_made(sizes):
    proto = tf.make_tensor_proto(np.float32(1))
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    with pytest.raises(ServingError, match="tensor parsing error: x"):
        protos.to_array("x", proto)


@pytest.mark.parametrize("content", [b"\0" * 3, b"\0" * 8])
def test_content_that_does_not_fit_the_shape_is_refused(content):
    proto = tf.make_tensor_proto(np.float32([1, 2, 3]))
    proto.tensor_content = content
    with pytest.raises(ServingError, match="tensor parsing error: x"):
        protos.to_array("x", proto)


def test_unknown_type_is_refused():
    proto = tf.make_tensor_proto(np.float32([1]))
    proto.dtype = 0
    with pytest.raises(ServingError, match="tensor parsing error: x"):
        protos.to_array("x", proto)
