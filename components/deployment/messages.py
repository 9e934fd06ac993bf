"""The messages of TensorFlow Serving that a deployer sends and gets.

tensorflow-serving-api has them too, but loads TensorFlow with them: seconds that a rollback should not take.
They are declared here once more, in a pool of their own, with the same names and numbers.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

_PACKAGE = "tensorflow.serving"
_MAP_ENTRY = "VersionLabelsEntry"
_SCALARS = {"int32": 5, "int64": 3, "uint32": 13, "string": 9}
_MESSAGE, _ONE, _MANY = 11, 1, 3
_INT64_VALUE = ".google.protobuf.Int64Value"

# message -> field -> (number, type), `*` for repeated; a type that is no scalar is a message.
_FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "Latest": {"num_versions": (1, "uint32")},
    "Specific": {"versions": (1, "int64*")},
    "ServableVersionPolicy": {"latest": (100, "Latest"), "specific": (102, "Specific")},
    _MAP_ENTRY: {"key": (1, "string"), "value": (2, "int64")},
    "ModelConfig": {
        "name": (1, "string"),
        "base_path": (2, "string"),
        "model_platform": (4, "string"),
        "model_version_policy": (7, "ServableVersionPolicy"),
        "version_labels": (8, f"{_MAP_ENTRY}*"),
    },
    "ModelConfigList": {"config": (1, "ModelConfig*")},
    "ModelServerConfig": {"model_config_list": (1, "ModelConfigList")},
    "StatusProto": {"error_code": (1, "int32"), "error_message": (2, "string")},
    "ReloadConfigRequest": {"config": (1, "ModelServerConfig")},
    "ReloadConfigResponse": {"status": (1, "StatusProto")},
    "ModelSpec": {"name": (1, "string"), "version": (2, _INT64_VALUE), "version_label": (4, "string")},
    "GetModelStatusRequest": {"model_spec": (1, "ModelSpec")},
    # Enumerations travel as numbers.
    "ModelVersionStatus": {"version": (1, "int64"), "state": (2, "int32"), "status": (3, "StatusProto")},
    "GetModelStatusResponse": {"model_version_status": (1, "ModelVersionStatus*")},
    "GetModelMetadataRequest": {"model_spec": (1, "ModelSpec"), "metadata_field": (2, "string*")},
    "GetModelMetadataResponse": {"model_spec": (1, "ModelSpec")},
}


def _declared() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="lodestar/deployment.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    for message, fields in _FIELDS.items():
        # The entry of a map is declared inside of the message that has the map.
        if message != _MAP_ENTRY:
            _add(file.message_type.add(name=message), fields)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    factory = message_factory.MessageFactory(pool)
    names = [name for name in _FIELDS if name != _MAP_ENTRY]
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in names}


def _add(message: Any, fields: dict[str, tuple[int, str]]) -> None:
    for name, (number, kind) in fields.items():
        field = message.field.add(name=name, number=number, label=_MANY if kind.endswith("*") else _ONE)
        kind = kind.rstrip("*")
        field.type = _SCALARS.get(kind, _MESSAGE)
        if kind == _MAP_ENTRY:
            entry = message.nested_type.add(name=kind, options={"map_entry": True})
            _add(entry, _FIELDS[kind])
            field.type_name = f".{_PACKAGE}.{message.name}.{kind}"
        elif kind not in _SCALARS:
            field.type_name = kind if kind.startswith(".") else f".{_PACKAGE}.{kind}"


_MESSAGES = _declared()

ModelConfig = _MESSAGES["ModelConfig"]
ModelServerConfig = _MESSAGES["ModelServerConfig"]
ReloadConfigRequest = _MESSAGES["ReloadConfigRequest"]
ReloadConfigResponse = _MESSAGES["ReloadConfigResponse"]
GetModelStatusRequest = _MESSAGES["GetModelStatusRequest"]
GetModelStatusResponse = _MESSAGES["GetModelStatusResponse"]
GetModelMetadataRequest = _MESSAGES["GetModelMetadataRequest"]
GetModelMetadataResponse = _MESSAGES["GetModelMetadataResponse"]
