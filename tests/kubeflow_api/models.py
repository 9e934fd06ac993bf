"""Check bodies of requests against the models that the API's description was generated into."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import kfp_server_api

from tests.kubeflow_api.refusal import invalid

_JSON = {"str": str, "bool": bool, "int": int}


def check_body(kind: str, value: Any, place: str = "") -> None:
    """Check that `value` is a `kind` of `kfp_server_api`: no unknown field, no value of another type."""
    model = getattr(kfp_server_api, kind)
    if not model.openapi_types:
        _check_enum(model, value, place)
        return
    if not isinstance(value, dict):
        raise invalid(f"proto: syntax error: {place or kind} is no object")
    types = {model.attribute_map[name]: of for name, of in model.openapi_types.items()}
    for name, inner in value.items():
        if name not in types:
            raise invalid(f'proto: unknown field "{name}" in {place or kind}')
        _check_value(types[name], inner, f"{place}.{name}".lstrip("."))


def _check_value(of: str, value: Any, place: str) -> None:
    if value is None or of == "object":
        return
    listed, mapped = re.fullmatch(r"list\[(.+)\]", of), re.fullmatch(r"dict\(str, (.+)\)", of)
    if listed:
        for inner in _of_type(list, value, place):
            _check_value(listed[1], inner, place)
    elif mapped:
        for key, inner in _of_type(dict, value, place).items():
            _check_value(mapped[1], inner, f"{place}.{key}")
    elif of == "datetime":
        _check_time(value, place)
    elif of in _JSON:
        _of_type(_JSON[of], value, place)
    else:
        check_body(of, value, place)


def _of_type(of: type, value: Any, place: str) -> Any:
    if not isinstance(value, of) or (of is int and isinstance(value, bool)):
        raise invalid(f"proto: invalid value for {place}: {value!r}")
    return value


def _check_time(value: Any, place: str) -> None:
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        raise invalid(f"proto: invalid timestamp for {place}: {value!r}") from None


def _check_enum(model: Any, value: Any, place: str) -> None:
    if value not in model.allowable_values:
        raise invalid(f"proto: invalid value for enum field {place}: {value!r}")
