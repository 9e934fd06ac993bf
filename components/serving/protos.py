"""Build the messages of both APIs, and convert tensors to and from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse
from tensorflow_serving.apis.model_pb2 import ModelSpec

from .errors import invalid
from .json_tensor import Array
from .status import VersionStatus

# One value can stand for a whole tensor in a message: bound what it unfolds to.
_MAX_ELEMENTS = 2**26
_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "bool": "bool_val",
    "object": "string_val",
}


def model_spec(model: str, version: int, signature_name: str = "") -> Any:
    """Return the ModelSpec that says what answered."""
    spec = ModelSpec(name=model, signature_name=signature_name)
    spec.version.value = version
    return spec


def signature_map(signatures: Mapping[str, Any]) -> Any:
    """Return the signatures as the message that metadata answers carry."""
    return SignatureDefMap(signature_def=dict(signatures))


def status_response(statuses: Sequence[VersionStatus]) -> Any:
    """Return the answer to a status request."""
    response = GetModelStatusResponse()
    for status in statuses:
        entry = response.model_version_status.add(version=status.version, state=int(status.state))
        entry.status.error_code = int(status.code)
        entry.status.error_message = status.message
    return response


def to_array(name: str, proto: Any) -> Array:
    """Return the array in a TensorProto; strings as an object array of `bytes`.

    Raises:
        ServingError: INVALID_ARGUMENT: the message's shape and content do not fit, or it is too large.
    """
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if min(sizes, default=0) < 0 or prod(sizes) > _MAX_ELEMENTS:
        raise invalid(f"tensor parsing error: {name}")
    try:
        array: Array = tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"tensor parsing error: {name}") from error
    return array


def to_proto(array: Array) -> Any:
    """Return an array as a TensorProto with one entry per value."""
    field = _FIELDS.get(array.dtype.name)
    if field is None:
        return tf.make_tensor_proto(array)
    shape = tf.TensorShape(array.shape).as_proto()
    dtype = tf.string if array.dtype == np.object_ else tf.dtypes.as_dtype(array.dtype)
    return TensorProto(dtype=dtype.as_datatype_enum, tensor_shape=shape, **{field: array.ravel().tolist()})
