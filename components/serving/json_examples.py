"""Read classify and regress requests' JSON into serialized Examples, as TensorFlow Serving does.

A feature's type follows from its JSON values: integers and booleans are int64, numbers with a decimal point
or an exponent are float, strings and `{"b64": "..."}` are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorflow.core.example.example_pb2 import Example
from tensorflow.core.example.feature_pb2 import Feature

from .errors import invalid
from .json_tensor import decoded, encoded, format_error, is_base64, type_name

_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)


def read(document: Mapping[str, Any]) -> list[bytes]:
    """Return the serialized Examples of a request, the features of its `context` in each.

    Raises:
        ServingError: INVALID_ARGUMENT: there are none, or one has features that an Example cannot hold.
    """
    context = _example(document["context"]) if "context" in document else b""
    if "examples" not in document:
        # The original says `classify` when the method is regress, too.
        raise format_error(document, "When method is classify, key 'examples' is expected and was not found")
    examples = document["examples"]
    if not isinstance(examples, list):
        raise format_error(document, "Expecting 'examples' value to be an list/array")
    if not examples:
        raise format_error(document, "'examples' value is an empty array")
    # A feature that comes twice counts as the later one says: the example's own.
    return [context + _example(content) for content in examples]


def _example(content: Any) -> bytes:
    if not isinstance(content, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(content)}")
    example = Example()
    for name, values in content.items():
        encoded(name)
        feature = example.features.feature[name]
        feature.SetInParent()
        for value in values if isinstance(values, list) else [values]:
            _add(value, name, feature)
    return bytes(example.SerializeToString())


def _add(value: Any, name: str, feature: Feature) -> None:
    field, converted = _converted(value, name)
    known = feature.WhichOneof("kind")
    if known not in (None, field):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {_KINDS[known]}")
    getattr(feature, field).value.append(converted)


def _converted(value: Any, name: str) -> tuple[str, Any]:
    if isinstance(value, str):
        return "bytes_list", encoded(value)
    if isinstance(value, dict) and is_base64(value):
        return "bytes_list", decoded(value)
    if isinstance(value, float):
        return "float_list", _float32(value)
    if not isinstance(value, int):
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    if int(value) in _INT64:
        return "int64_list", int(value)
    if value in _UINT64:
        raise invalid(f"Feature: {name} has uint64 element. Only int64_t is supported")
    return "float_list", _float32(float(value))


def _float32(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.float32(value))
