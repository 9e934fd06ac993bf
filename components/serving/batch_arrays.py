"""Put the arrays of several requests together and take the outputs apart again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .errors import Code, ServingError, invalid
from .json_tensor import Array

Arrays = Mapping[str, Array]


def rows_of(inputs: Arrays) -> int:
    """Return the common size of the first dimension.

    Raises:
        ServingError: INVALID_ARGUMENT: there is none.
    """
    if not inputs or any(array.ndim == 0 for array in inputs.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    sizes = {len(array) for array in inputs.values()}
    if len(sizes) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop()


def merged(requests: Sequence[Arrays], padding: int, pad_inner: bool) -> dict[str, Array]:
    """Return one array for each input, the requests' rows one after the other.

    Args:
        requests: Input name -> array, for each request.
        padding: Rows to add; each is the first row of the last request that has one, so it is valid.
        pad_inner: Whether rows of different inner shape are padded with zeros or empty strings.

    Raises:
        ServingError: FAILED_PRECONDITION: rows of different inner shape, and `pad_inner` is off or their
            ranks differ.
    """
    result = {}
    for name in requests[0]:
        arrays = [request[name] for request in requests]
        if len({array.shape[1:] for array in arrays}) > 1:
            arrays = _same_shape(name, arrays, pad_inner)
        if padding:
            last = next(array for array in reversed(arrays) if len(array))
            arrays.append(np.repeat(last[:1], padding, axis=0))
        result[name] = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return result


def split(outputs: Arrays, sizes: Sequence[int], total: int) -> Iterator[dict[str, Array]]:
    """Yield each request's rows of the outputs.

    Args:
        outputs: Output name -> array, `total` rows each.
        sizes: Rows of each request.
        total: Rows of the batch, padding included.

    Raises:
        ServingError: FAILED_PRECONDITION: an output has not one row for each row of the batch.
    """
    for array in outputs.values():
        if array.ndim == 0:
            raise _unfit("Batched output tensor has 0 dimensions")
        if len(array) != total:
            raise _unfit(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of"
                " the input tensors"
            )
    return _parts(outputs, sizes)


def _parts(outputs: Arrays, sizes: Sequence[int]) -> Iterator[dict[str, Array]]:
    start = 0
    for size in sizes:
        yield {name: array[start : start + size] for name, array in outputs.items()}
        start += size


def _same_shape(name: str, arrays: Sequence[Array], pad_inner: bool) -> list[Array]:
    if not pad_inner:
        raise _unfit(
            f"Tensors with name '{name}' from different tasks have different shapes and padding is turned"
            " off.Set pad_variable_length_inputs to true, or ensure that all tensors with the same name"
            "have equal dimensions starting with the first dim."
        )
    if len({array.ndim for array in arrays}) > 1:
        raise _unfit("Only tensors with the same rank can be padded to fit into one batch.")
    shape = np.max([array.shape[1:] for array in arrays], axis=0)
    return [_padded(array, shape) for array in arrays]


def _padded(array: Array, shape: Array) -> Array:
    widths = [(0, 0), *((0, int(size - have)) for size, have in zip(shape, array.shape[1:], strict=True))]
    filler: Any = b"" if array.dtype == np.object_ else 0
    return np.pad(array, widths, constant_values=filler)


def _unfit(message: str) -> ServingError:
    return ServingError(Code.FAILED_PRECONDITION, message)
