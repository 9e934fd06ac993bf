"""What the API server checks of a compiled spec and a run's parameters before it makes a workflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.kubeflow_api.refusal import invalid

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_TYPES: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "STRING": ("string", (str,)),
    "NUMBER_INTEGER": ("double or integer", (int, float)),
    "NUMBER_DOUBLE": ("double or integer", (int, float)),
    "BOOLEAN": ("bool", (bool,)),
    "LIST": ("list", (list,)),
    "STRUCT": ("struct", (dict,)),
}


def check_spec(document: Any) -> str:
    """Return the spec as YAML documents.

    A document with a `pipeline_spec` may have a `platform_spec`; any other is a pipeline's spec itself.
    """
    if not isinstance(document, dict) or not document:
        raise invalid("no pipeline spec is provided")
    whole = document if "pipeline_spec" in document else {"pipeline_spec": document}
    unknown = set(whole) - {"pipeline_spec", "platform_spec"}
    if unknown:
        raise invalid(f"invalid v2 pipeline spec: unknown field {sorted(unknown)[0]!r}")
    spec, platform = whole["pipeline_spec"], whole.get("platform_spec")
    _parse(spec, pipeline_spec_pb2.PipelineSpec(), "invalid v2 pipeline spec")
    if platform:
        _parse(platform, pipeline_spec_pb2.PlatformSpec(), "cannot unmarshal platform specific configs")
    if spec.get("schemaVersion") != "2.1.0":
        version = spec.get("schemaVersion", "")
        raise invalid(f"KFP only supports schema version 2.1.0, but the pipeline spec has version {version}")
    if not _NAME.fullmatch(spec.get("pipelineInfo", {}).get("name", "")):
        raise invalid("invalid v2 pipeline spec: name should consist of lower case alphanumeric characters")
    if not spec.get("root"):
        raise invalid("invalid v2 pipeline spec: root component is empty")
    return yaml.safe_dump_all([spec, platform] if platform else [spec])


def check_parameters(document: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Check a run's parameters against those that the spec declares."""
    spec = document.get("pipeline_spec", document)
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for name, one in declared.items():
        if name in given:
            _check_type(name, one["parameterType"], given[name])
        elif not one.get("isOptional") and "defaultValue" not in one:
            raise invalid(
                f"parameter {name} is not optional, yet has neither default value nor user provided value"
            ).while_doing("invalid pipeline job inputs")
    extra = sorted(set(given) - set(declared))
    if extra:
        raise invalid(f"parameter(s) provided are not required by pipeline: {', '.join(extra)}").while_doing(
            "invalid pipeline job inputs"
        )


def _check_type(name: str, kind: str, value: Any) -> None:
    word, types = _TYPES[kind]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise invalid(
            f"input parameter {name} requires type {word}, but the value is not of {word} value type"
        ).while_doing("invalid pipeline job inputs")


def _parse(value: Any, message: Any, doing: str) -> None:
    try:
        json_format.ParseDict(value, message)
    except json_format.ParseError as error:
        raise invalid(f"{doing}: {' '.join(str(error).split())}") from None
