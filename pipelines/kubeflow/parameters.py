"""Parameters of a compiled pipeline: two that every pipeline has, and TFX's runtime parameters."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from tfx.proto.orchestration import pipeline_pb2

from components.errors import InputError

RUN_ID = "run_id"
PIPELINE_ROOT = "pipeline_root"
RERUN_FROM = "rerun_from"
# Parameter -> option of the step; all of them are text.
OPTIONS = {RUN_ID: "--run-id", PIPELINE_ROOT: "--pipeline-root", RERUN_FROM: "--rerun-from"}
_TYPES = {
    pipeline_pb2.RuntimeParameter.STRING: "STRING",
    pipeline_pb2.RuntimeParameter.INT: "NUMBER_INTEGER",
    pipeline_pb2.RuntimeParameter.DOUBLE: "NUMBER_DOUBLE",
}


def common_parameters(pipeline_root: str) -> dict[str, Any]:
    """Return the declarations of what every pipeline takes.

    Args:
        pipeline_root: Where artifacts go unless a run says otherwise.
    """
    defaults = {
        PIPELINE_ROOT: (pipeline_root, "Where the artifacts go: a folder of a volume, or a URI."),
        RERUN_FROM: ("", "A node that is to run again together with all that follow it."),
    }
    return {
        name: {
            "parameterType": "STRING",
            "defaultValue": value,
            "isOptional": True,
            "description": description,
        }
        for name, (value, description) in defaults.items()
    }


def declare(parameters: Mapping[str, pipeline_pb2.RuntimeParameter], optional: bool) -> dict[str, Any]:
    """Return the declarations of runtime parameters.

    Args:
        parameters: By name.
        optional: Whether a default makes the parameter optional.

    Raises:
        InputError: A default is not of the parameter's type.
    """
    found: dict[str, Any] = {}
    for name, parameter in parameters.items():
        found[name] = {"parameterType": _type(parameter)}
        if optional and parameter.HasField("default_value"):
            found[name] |= {"defaultValue": _default(parameter), "isOptional": True}
    return found


def parse_parameter(parameter: pipeline_pb2.RuntimeParameter, text: str) -> str | int | float:
    """Return the value that Kubeflow Pipelines wrote as `text`; integers may come as `5.0`.

    Raises:
        InputError: It is not of the parameter's type.
    """
    if parameter.type == pipeline_pb2.RuntimeParameter.STRING:
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _wrong(parameter, text, "a number") from None
    if parameter.type == pipeline_pb2.RuntimeParameter.DOUBLE:
        return float(number)
    # By way of a float, integers beyond 2**53 would become others.
    if not number.is_finite() or number != int(number):
        raise _wrong(parameter, text, "an integer")
    return int(number)


def _wrong(parameter: pipeline_pb2.RuntimeParameter, text: str, kind: str) -> InputError:
    return InputError(
        f"The parameter `{parameter.name}` is `{text}`, not {kind}.", cure="Submit the run with another."
    )


def _type(parameter: pipeline_pb2.RuntimeParameter) -> str:
    if parameter.type not in _TYPES:
        raise InputError(
            f"The runtime parameter `{parameter.name}` has no type.", cure="Make it str, int or float."
        )
    return _TYPES[parameter.type]


def _default(parameter: pipeline_pb2.RuntimeParameter) -> str | int | float:
    value = getattr(parameter.default_value, parameter.default_value.WhichOneof("value"))
    if isinstance(value, str) != (parameter.type == pipeline_pb2.RuntimeParameter.STRING):
        raise InputError(
            f"The default of the runtime parameter `{parameter.name}` is `{value}`, not {_type(parameter)}.",
            cure="Give it a default of its type.",
        )
    return value
