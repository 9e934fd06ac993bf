"""Write arrays as TensorFlow Serving writes a predict response.

Numbers keep six digits when that is exact and enough digits to read back the same value otherwise; a float
always shows that it is one (`999999.0`, `9e+06`). NaN and infinities are bare words, which strict JSON
parsers refuse. Strings are text; outputs whose names end in `_bytes` are base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import invalid
from .json_tensor import Array, Format

_INDENT = "    "
_TYPE_NAMES = {"float16": "half", "float32": "float", "float64": "double"}
_PRECISION = {"float32": "%.9g", "float64": "%.17g"}
_WRITABLE = frozenset(
    ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint32", "uint64", "bool", "object")
)
_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def render(outputs: Mapping[str, Array], layout: Format) -> bytes:
    """Return the response body, `predictions` for rows or `outputs` for columns.

    Args:
        outputs: Output name -> array; strings are object arrays of `bytes`.
        layout: The format that the request had.

    Raises:
        ServingError: INVALID_ARGUMENT: a type that JSON cannot show or, in row format, outputs without a
            common batch dimension.
    """
    text = _rows(outputs) if layout == "row" else _columns(outputs)
    # Bytes that are not UTF-8 go out as they are.
    return text.encode("utf-8", "surrogateescape")


def _rows(outputs: Mapping[str, Array]) -> str:
    batch = _batch_size(outputs)
    single = len(outputs) == 1
    names = sorted(outputs)
    columns = [_row_texts(name, outputs[name], 3 if single else 4) for name in names]
    if not batch:
        return _document("predictions", "[]")
    if single:
        return _document("predictions", f"[{', '.join(columns[0])}\n{_INDENT}]")
    keys = [f"\n{_INDENT * 3}{_quoted(name)}: " for name in names]
    objects = (
        "{" + ",".join(key + value for key, value in zip(keys, row, strict=True)) + f"\n{_INDENT * 2}}}"
        for row in zip(*columns, strict=True)
    )
    body = ",".join(f"\n{_INDENT * 2}{text}" for text in objects)
    return _document("predictions", f"[{body}\n{_INDENT}]")


def _batch_size(outputs: Mapping[str, Array]) -> int:
    batch = -1
    for name in sorted(outputs):
        shape = outputs[name].shape
        if not shape:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if batch not in (-1, shape[0]):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {shape[0]} expecting: {batch}")
        batch = shape[0]
    return batch


def _columns(outputs: Mapping[str, Array]) -> str:
    if len(outputs) == 1:
        [(name, array)] = outputs.items()
        return _document("outputs", _spread(_tokens(name, array, 2 + array.ndim), array.shape, 1))
    members = (
        f"\n{_INDENT * 2}{_quoted(name)}: "
        + _spread(_tokens(name, outputs[name], 3 + outputs[name].ndim), outputs[name].shape, 2)
        for name in sorted(outputs)
    )
    return _document("outputs", "{" + ",".join(members) + f"\n{_INDENT}}}")


def _document(key: str, value: str) -> str:
    return f'{{\n{_INDENT}"{key}": {value}\n}}'


def _row_texts(name: str, array: Array, depth: int) -> list[str]:
    """Return one JSON text per row; `depth` is the nesting of its own content."""
    texts = _tokens(name, array, depth + max(array.ndim - 1, 0))
    for axis in range(array.ndim - 1, 0, -1):
        size, count = array.shape[axis], int(np.prod(array.shape[:axis]))
        texts = [f"[{', '.join(texts[i * size : (i + 1) * size])}]" for i in range(count)]
    return texts


def _spread(tokens: list[str], shape: tuple[int, ...], depth: int) -> str:
    """Return the tokens as nested lists with one token per line."""
    texts = tokens
    for axis in range(len(shape) - 1, -1, -1):
        size, count = shape[axis], int(np.prod(shape[:axis]))
        inner, outer = f"\n{_INDENT * (depth + axis + 1)}", f"\n{_INDENT * (depth + axis)}"
        between = f",{inner}"
        groups = (between.join(texts[i * size : (i + 1) * size]) for i in range(count))
        texts = [f"[{inner}{group}{outer}]" for group in groups] if size else ["[]"] * count
    return texts[0]


def _tokens(name: str, array: Array, depth: int) -> list[str]:
    kind = array.dtype.name
    if kind not in _WRITABLE:
        raise invalid(f"Failed to write JSON value for tensor type: {_TYPE_NAMES.get(kind, kind)}")
    values = array.ravel().tolist()
    if kind == "object":
        return [_base64(value, depth) for value in values] if name.endswith("_bytes") else strings(values)
    if kind == "bool":
        return ["true" if value else "false" for value in values]
    return decimals(array) if kind in _PRECISION else list(map(str, values))


def decimals(array: Array) -> list[str]:
    """Return each float of an array with the fewest digits that read back as it."""
    values = array.ravel()
    texts = _formatted("%g", values)
    read_back = np.array(list(map(float, texts))).astype(array.dtype)
    inexact = np.flatnonzero(read_back != values)
    if len(inexact):
        longer = _formatted(_PRECISION[array.dtype.name], values[inexact])
        for index, text in zip(inexact.tolist(), longer, strict=True):
            texts[index] = text
    # Only these can lack a point and an exponent.
    for index in np.flatnonzero((values == np.rint(values)) | ~np.isfinite(values)).tolist():
        texts[index] = _decimal(texts[index])
    return texts


def _formatted(form: str, values: Array) -> list[str]:
    # One call for all of them takes half the time of a call each.
    return (f"{form} " * len(values) % tuple(values.tolist())).split()


def _decimal(text: str) -> str:
    if "." in text or "e" in text:
        return text
    return _WORDS.get(text) or f"{text}.0"


def strings(values: list[Any]) -> list[str]:
    """Return byte strings as JSON strings; what is no UTF-8 is escaped as `surrogateescape` does it."""
    return [_quoted(value.decode("utf-8", "surrogateescape")) for value in values]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _base64(value: bytes, depth: int) -> str:
    member = f'"b64": "{base64.b64encode(value).decode()}"'
    return f"{{\n{_INDENT * depth}{member}\n{_INDENT * (depth - 1)}}}"
