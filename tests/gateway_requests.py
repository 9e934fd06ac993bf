"""Requests drawn from the gateway's own OpenAPI description, right and wrong ones, for property tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
ODD = TEXT | st.sampled_from(["", "0", "-1", "1e400", "NaN", "\0", "../..", "'; --", "%s", "a" * 5000, "💥"])
# What makes nearly any request point at something that is not there.
_RARE = ("cursor", "version", "label")


@dataclass(frozen=True)
class Drawn:
    """One request.

    Attributes:
        method: In capitals.
        route: The path's template.
        path: The path.
        parameters: Name and value pairs of the query.
        body: Of a JSON request; None for none.
    """

    method: str
    route: str
    path: str
    parameters: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None


def requests_of(openapi: dict[str, Any], models: list[str]) -> st.SearchStrategy[Drawn]:
    """Return a strategy over every operation that takes no file."""
    operations = [
        (method.upper(), route, operation)
        for route, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if "multipart/form-data" not in operation.get("requestBody", {}).get("content", {})
    ]
    return st.one_of([_operation(openapi, models, *operation) for operation in operations])


def _operation(
    openapi: dict[str, Any], models: list[str], method: str, route: str, operation: dict[str, Any]
) -> st.SearchStrategy[Drawn]:
    declared = operation.get("parameters", [])
    in_path = {one["name"]: TEXT.filter(bool) for one in declared if one["in"] == "path"}
    in_query = [one for one in declared if one["in"] == "query"]
    body = st.none()
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        good = _value(openapi, schema).map(lambda value: json.dumps(value).encode())
        body = good | st.binary(max_size=60) | TEXT.map(lambda text: json.dumps(text).encode())
    return st.builds(
        lambda ids, query, content: Drawn(
            method, route, _fill(route, ids), [pair for pairs in query for pair in pairs], content
        ),
        st.fixed_dictionaries(in_path),
        st.tuples(*(_parameter(openapi, models, one) for one in in_query)),
        body,
    )


def _fill(route: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        route = route.replace(f"{{{name}}}", quote(value, safe=""))
    return route


def _parameter(
    openapi: dict[str, Any], models: list[str], declared: dict[str, Any]
) -> st.SearchStrategy[list[tuple[str, str]]]:
    name = declared["name"]
    good = st.sampled_from(models) if name == "model" else _value(openapi, declared["schema"])
    shown = good.map(lambda value: [value] if not isinstance(value, list) else value)
    pairs = shown.map(lambda values: [(name, str(value)) for value in values if value is not None])
    wrong = ODD.map(lambda text: [(name, text)])
    absent = pairs if declared.get("required") else st.just([])
    # Mostly right, or hardly any request would get past the first check.
    right = absent if name in _RARE else pairs
    return st.integers(0, 19).flatmap(
        lambda draw: wrong if draw == 0 else pairs if draw == 1 else absent if draw < 8 else right
    )


def _value(openapi: dict[str, Any], schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _value(openapi, openapi["components"]["schemas"][name])
    if "anyOf" in schema:
        return st.one_of([_value(openapi, one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = {
        "null": lambda: st.none(),
        "boolean": lambda: st.booleans(),
        "integer": lambda: st.integers(
            int(schema.get("minimum", -5)), int(schema.get("maximum", schema.get("exclusiveMaximum", 99)))
        ),
        "number": lambda: st.floats(schema.get("minimum", -1e6), schema.get("maximum", 1e6)),
        "string": lambda: TEXT.filter(lambda text: len(text) >= schema.get("minLength", 0)),
        "array": lambda: st.lists(_value(openapi, schema["items"]), max_size=3),
        "object": lambda: _object(openapi, schema),
    }
    return kinds[schema["type"]]()


def _object(openapi: dict[str, Any], schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {name: _value(openapi, one) for name, one in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", [])}
    return st.fixed_dictionaries(required, optional=fields)
