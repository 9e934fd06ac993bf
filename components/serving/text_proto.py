"""Read the files that TensorFlow Serving's flags name, for messages that no Python package has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format

from components.errors import InputError

Scalar = Literal["bool", "int64", "double", "string"]
Schema = Mapping[str, Union[Scalar, "Schema", list[Scalar]]]

_FieldProto = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "bool": _FieldProto.TYPE_BOOL,
    "int64": _FieldProto.TYPE_INT64,
    "double": _FieldProto.TYPE_DOUBLE,
    "string": _FieldProto.TYPE_STRING,
}


def read(path: Path, flag: str, schema: Schema) -> dict[str, Any]:
    """Return the content of a text proto; fields that it does not set are absent.

    Args:
        path: The file.
        flag: The flag that names the file, for errors.
        schema: Field name -> type, a list of one type for a repeated field, or the schema of a message.

    Raises:
        InputError: The file cannot be read, or it is not what `schema` says; names the line.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"Cannot read {path}: {error}.", cure=f"Give `{flag}` a readable text file."
        ) from error
    message = _message_class(schema)()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise InputError(
            f"Invalid protobuf file: '{path}': {error}.", cure=f"Correct the file that `{flag}` names."
        ) from error
    content = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return _typed(content, schema)


def _message_class(schema: Schema) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="parameters.proto", package="parameters", syntax="proto2")
    _describe(file.message_type.add(name="Parameters"), schema, ".parameters.Parameters")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(
        pool.FindMessageTypeByName("parameters.Parameters")
    )


def _describe(message: Any, schema: Schema, path: str) -> None:
    for number, (name, kind) in enumerate(schema.items(), start=1):
        field = message.field.add(name=name, number=number, label=_FieldProto.LABEL_OPTIONAL)
        if isinstance(kind, Mapping):
            nested = f"{name}_message"
            _describe(message.nested_type.add(name=nested), kind, f"{path}.{nested}")
            field.type, field.type_name = _FieldProto.TYPE_MESSAGE, f"{path}.{nested}"
        elif isinstance(kind, list):
            field.type, field.label = _TYPES[kind[0]], _FieldProto.LABEL_REPEATED
        else:
            field.type = _TYPES[kind]


def _typed(content: Any, schema: Schema) -> dict[str, Any]:
    # The JSON mapping writes 64-bit integers as strings.
    typed: dict[str, Any] = {}
    for name, value in content.items():
        kind = schema[name]
        if isinstance(kind, Mapping):
            typed[name] = _typed(value, kind)
        elif isinstance(kind, list):
            typed[name] = [int(item) if kind[0] == "int64" else item for item in value]
        else:
            typed[name] = int(value) if kind == "int64" else value
    return typed
