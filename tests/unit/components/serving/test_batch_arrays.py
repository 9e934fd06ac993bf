from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving import batch_arrays
from components.serving.errors import Code, ServingError

SIZES = st.lists(st.integers(0, 5), min_size=1, max_size=6)


@given(SIZES, st.integers(0, 4))
def test_every_request_gets_its_own_rows_back(sizes, padding):
    total = sum(sizes)
    padding = padding if total else 0
    numbers = np.split(np.arange(total), np.cumsum(sizes)[:-1])
    requests = [{"x": part, "y": np.stack([part, -part], axis=1)} for part in numbers]
    merged = batch_arrays.merged(requests, padding, pad_inner=False)
    assert len(merged["x"]) == len(merged["y"]) == total + padding
    parts = list(batch_arrays.split(merged, sizes, total + padding))
    for request, part in zip(requests, parts, strict=True):
        assert request.keys() == part.keys()
        assert all(np.array_equal(request[name], part[name]) for name in request)


def test_padding_repeats_a_row_that_is_valid():
    requests = [{"x": np.array([5, 6])}, {"x": np.array([], dtype=np.int64)}]
    assert batch_arrays.merged(requests, 2, pad_inner=False)["x"].tolist() == [5, 6, 5, 5]


def test_single_request_is_not_copied():
    array = np.arange(3)
    assert batch_arrays.merged([{"x": array}], 0, pad_inner=False)["x"] is array


def test_rows_of_different_shape_are_refused_or_padded_as_asked():
    requests = [{"x": np.ones([1, 2])}, {"x": np.ones([1, 3])}]
    with pytest.raises(ServingError, match="Tensors with name 'x' from different tasks") as caught:
        batch_arrays.merged(requests, 0, pad_inner=False)
    assert caught.value.code is Code.FAILED_PRECONDITION
    assert batch_arrays.merged(requests, 0, pad_inner=True)["x"].tolist() == [[1, 1, 0], [1, 1, 1]]


def test_strings_are_padded_with_empty_ones():
    requests = [{"x": np.array([[b"a"]], dtype=object)}, {"x": np.array([[b"b", b"c"]], dtype=object)}]
    assert batch_arrays.merged(requests, 0, pad_inner=True)["x"].tolist() == [[b"a", b""], [b"b", b"c"]]


@pytest.mark.parametrize(
    "inputs",
    [{}, {"x": np.float32(1)}, {"x": np.ones(2), "y": np.ones(3)}],
    ids=["no inputs", "scalar", "different sizes"],
)
def test_inputs_without_a_common_first_dimension_are_refused(inputs):
    with pytest.raises(ServingError, match=r"Batching (Run\(\)|session) ?"):
        batch_arrays.rows_of({name: np.asarray(array) for name, array in inputs.items()})


@pytest.mark.parametrize("output", [np.float32(1), np.ones(3)], ids=["scalar", "other size"])
def test_output_without_a_row_for_each_row_is_refused(output):
    with pytest.raises(ServingError, match="Batched output tensor") as caught:
        batch_arrays.split({"y": np.asarray(output)}, [1, 1], 2)
    assert caught.value.code is Code.FAILED_PRECONDITION
