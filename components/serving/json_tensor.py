"""Read a predict request's JSON as TensorFlow Serving does, into arrays.

A request is in row format (`instances`: one element per row of the batch) or in columnar format (`inputs`:
one nested list per input). Types follow the signature and nothing is rounded silently: an int tensor takes no
`1.0`, a float tensor takes `1`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .errors import Code, ServingError, invalid
from .json_parse import echo

Format = Literal["row", "columnar"]
Array = npt.NDArray[Any]

NUMPY: Mapping[str, Any] = {
    "float": np.float32,
    "double": np.float64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "bool": np.bool_,
    "string": np.object_,
}
_ACCEPTED: Mapping[str, set[type]] = {
    "float": {int, float},
    "double": {int, float},
    "string": {str},
    "bool": {bool},
}
_TYPE_NAMES = {
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
    type(None): "Null",
}
_MAX_RANK = 32


@dataclass(frozen=True)
class JsonInputs:
    """The inputs of a request.

    Attributes:
        format: How the request was written; the response is written the same way.
        arrays: Input name -> array; strings are object arrays of `bytes`.
    """

    format: Format
    arrays: dict[str, Array]


def signature_name(document: Mapping[str, Any]) -> str:
    """Return the request's `signature_name`; empty when it names none.

    Raises:
        ServingError: INVALID_ARGUMENT: it is not a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise format_error(document, "not formatted correctly. 'signature_name' key must be a string value.")
    return name


def read_inputs(
    document: Mapping[str, Any], dtypes: Mapping[str, str], optional: Collection[str] = ()
) -> JsonInputs:
    """Return the arrays of a request.

    Args:
        document: The parsed body.
        dtypes: Input name -> type, in TensorFlow Serving's words (`float`, `string`, ...).
        optional: Names of inputs that may be left out.

    Raises:
        ServingError: INVALID_ARGUMENT or, for a type that JSON cannot fill, UNIMPLEMENTED.
    """
    if "instances" in document and "inputs" in document:
        raise format_error(
            document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        return JsonInputs("row", _rows(document, dtypes, optional))
    if "inputs" in document:
        return JsonInputs("columnar", _columns(document["inputs"], dtypes, optional))
    raise invalid("Missing 'inputs' or 'instances' key")


def _rows(
    document: Mapping[str, Any], dtypes: Mapping[str, str], optional: Collection[str]
) -> dict[str, Array]:
    rows = document["instances"]
    if not isinstance(rows, list):
        raise format_error(document, "Expecting 'instances' to be an list/array")
    if not rows:
        raise format_error(document, "No values in 'instances' array")
    if not isinstance(rows[0], dict) and len(dtypes) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required"
            " as per tensorinfo_map"
        )
    if not _is_object(rows[0]):
        return _plain_rows(rows, dtypes)
    # What the first row leaves out must be left out by all: a batch has one value for each row or none.
    sent = {name: dtype for name, dtype in dtypes.items() if name in rows[0] or name not in optional}
    return _object_rows(rows, sent)


def _plain_rows(rows: list[Any], dtypes: Mapping[str, str]) -> dict[str, Array]:
    [(name, dtype)] = dtypes.items()
    try:
        return {name: _array(rows, dtype)}
    except ServingError:
        # Row by row is slow but finds the message that names the row.
        return {name: np.stack(_each_plain_row(rows, dtype))}


def _each_plain_row(rows: list[Any], dtype: str) -> list[Array]:
    arrays: list[Array] = []
    for index, row in enumerate(rows):
        if _is_object(row):
            raise invalid(f"Expecting value/list but got object at item {index} of input list")
        try:
            arrays.append(_same_shape(_array(row, dtype), arrays))
        except ServingError as error:
            raise _in_element(f"{index} of 'instances' list. Error: ", error) from error
    return arrays


def _object_rows(rows: list[Any], dtypes: Mapping[str, str]) -> dict[str, Array]:
    columns: dict[str, list[Array]] = {name: [] for name in sorted(dtypes)}
    for index, row in enumerate(rows):
        if not _is_object(row):
            raise invalid(f"Expecting object but got list at item {index} of input list")
        for name, value in row.items():
            try:
                if name not in dtypes:
                    raise invalid(f"JSON object: does not have named input: {name}")
                columns[name].append(_same_shape(_array(value, dtypes[name]), columns[name]))
            except ServingError as error:
                raise _in_element(f"{index} key: {name} of 'instances' list. Error: ", error) from error
        if row.keys() != dtypes.keys():
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: {echo(row)} keys must"
                f" be equal to: {','.join(columns)}"
            )
    return {name: np.stack(arrays) for name, arrays in columns.items()}


def _columns(value: Any, dtypes: Mapping[str, str], optional: Collection[str]) -> dict[str, Array]:
    if _is_object(value):
        missing = [name for name in sorted(dtypes) if name not in value and name not in optional]
        if missing:
            raise invalid(f"Missing named input: {missing[0]} in 'inputs' object.")
        return {name: _array(value[name], dtype) for name, dtype in dtypes.items() if name in value}
    if len(dtypes) > 1:
        raise invalid(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per"
            " tensorinfo_map"
        )
    return {name: _array(value, dtype) for name, dtype in dtypes.items()}


def _same_shape(array: Array, others: list[Array]) -> Array:
    if others and array.size != others[0].size:
        raise invalid(f"Expecting tensor size: {others[0].size} but got: {array.size}")
    if others and array.shape != others[0].shape:
        expected, actual = (",".join(map(str, shape)) for shape in (others[0].shape, array.shape))
        raise invalid(f"Expecting shape [{expected}] but got: [{actual}]")
    return array


def _array(value: Any, dtype: str) -> Array:
    shape = _dense_shape(value)
    if len(shape) > _MAX_RANK:
        raise invalid(f"Encountered list at unexpected level: {len(shape) - 1} expected < {_MAX_RANK}")
    leaves: list[Any] = []
    _collect(value, shape, 0, dtype, leaves)
    return _pack(leaves, dtype).reshape(shape)


def _dense_shape(value: Any) -> list[int]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _collect(
    value: Any,
    shape: list[int],
    level: int,
    dtype: str,
    leaves: list[Any],
) -> None:
    """Append the leaves of `value`, which must be a full list of lists of `shape`."""
    rank = len(shape)
    if not isinstance(value, list):
        if level != rank:
            raise invalid(
                f"JSON Value: {echo(value)} found at incorrect level: {level + 1} in the JSON DOM."
                f" Expected at level: {rank}"
            )
        leaves.append(_leaf(value, dtype))
        return
    if level >= rank:
        raise invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level}"
            f" expected size: {shape[level]}"
        )
    if level == rank - 1 and _all_plain(value, dtype):
        leaves.extend(value)
        return
    for item in value:
        _collect(item, shape, level + 1, dtype, leaves)


def _all_plain(values: list[Any], dtype: str) -> bool:
    return dtype in NUMPY and set(map(type, values)) <= _accepted(dtype)


def _accepted(dtype: str) -> set[type]:
    return _ACCEPTED.get(dtype, {int})


def _leaf(value: Any, dtype: str) -> Any:
    if isinstance(value, dict):
        if dtype == "string":
            return decoded(value)
        raise _type_error(value, dtype)
    if dtype not in NUMPY:
        raise ServingError(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {echo(value)} to type: {dtype}")
    if type(value) not in _accepted(dtype):
        raise _type_error(value, dtype)
    return value


def decoded(value: dict[str, Any]) -> bytes:
    """Return the bytes in a `{"b64": "..."}` object.

    Raises:
        ServingError: INVALID_ARGUMENT: it has another form, or another alphabet.
    """
    if not is_base64(value):
        raise invalid(f"JSON Value: {echo(value)} not formatted correctly for base64 data")
    text = "".join(value["b64"].split())
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def _pack(leaves: list[Any], dtype: str) -> Array:
    if dtype == "string":
        return _packed_strings(leaves)
    if dtype in ("float", "double"):
        return _packed_floats(leaves, dtype)
    kind = NUMPY.get(dtype, np.float32)
    if leaves and dtype != "bool":
        limits = np.iinfo(kind)
        for extreme in (min(leaves), max(leaves)):
            if not limits.min <= extreme <= limits.max:
                raise _type_error(extreme, dtype)
    return np.array(leaves, dtype=kind)


def _packed_floats(leaves: list[Any], dtype: str) -> Array:
    try:
        wide = np.array(leaves, dtype=np.float64)
    except OverflowError:
        wide = np.array([float(str(value)) for value in leaves], dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        return wide.astype(NUMPY[dtype])


def _packed_strings(leaves: list[Any]) -> Array:
    packed = np.empty(len(leaves), dtype=np.object_)
    packed[:] = [leaf if isinstance(leaf, bytes) else encoded(leaf) for leaf in leaves]
    return packed


def encoded(text: str) -> bytes:
    """Return a JSON string as UTF-8.

    Raises:
        ServingError: INVALID_ARGUMENT: it has half of a surrogate pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def is_base64(value: dict[str, Any]) -> bool:
    """Return whether an object stands for bytes."""
    return len(value) == 1 and isinstance(value.get("b64"), str)


def type_name(value: Any) -> str:
    """Return the word that errors have for the JSON type of a value."""
    return str(value) if isinstance(value, bool) else _TYPE_NAMES[type(value)]


def _type_error(value: Any, dtype: str) -> ServingError:
    return invalid(f"JSON Value: {echo(value)} Type: {type_name(value)} is not of expected type: {dtype}")


def format_error(document: Mapping[str, Any], problem: str) -> ServingError:
    """Return the error for a body that is JSON and yet no request."""
    return invalid(f"JSON Value: {echo(document)} {problem}")


def _in_element(place: str, error: ServingError) -> ServingError:
    return invalid(f"Failed to process element: {place}{error.code.name}: {error.message}")
