"""Lists of the API: filter, order and pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.kubeflow_api.refusal import invalid

_DEFAULT, _MOST = 20, 200
_OPERATIONS = {"EQUALS": lambda have, want: have == want, "IS_SUBSTRING": lambda have, want: want in have}
_SORTABLE = ("created_at", "display_name", "name")


def page(
    objects: Sequence[Mapping[str, Any]], query: Mapping[str, str]
) -> tuple[list[Mapping[str, Any]], int, str]:
    """Return the objects of a page, how many there are in all, and the next page's token."""
    criteria = [query.get("sort_by", ""), query.get("filter", "")]
    start = _start(query.get("page_token", ""), criteria)
    found = _ordered([one for one in objects if _fits(one, criteria[1])], criteria[0])
    end = start + _size(query.get("page_size", ""))
    token = json.dumps({"start": end, "criteria": criteria}).encode()
    following = base64.b64encode(token).decode() if end < len(found) else ""
    return found[start:end], len(found), following


def _size(text: str) -> int:
    size = int(text or 0)
    if size < 0:
        raise invalid(f"The page size should be greater than 0. Got {size}")
    return min(size or _DEFAULT, _MOST)


def _start(token: str, criteria: list[str]) -> int:
    if not token:
        return 0
    try:
        held = json.loads(base64.b64decode(token, validate=True))
    except ValueError:
        raise invalid("Invalid package token.") from None
    if held["criteria"] != criteria:
        raise invalid("page token does not match the supplied sort by and/or filtering criteria.")
    return int(held["start"])


def _ordered(objects: list[Mapping[str, Any]], order: str) -> list[Mapping[str, Any]]:
    name, *direction = order.split() or ["created_at"]
    if name not in _SORTABLE or direction not in ([], ["asc"], ["desc"]):
        raise invalid(f"Invalid sorting field: {order!r}")
    key = "display_name" if name == "name" else name
    return sorted(objects, key=lambda one: one[key], reverse=direction == ["desc"])


def _fits(one: Mapping[str, Any], text: str) -> bool:
    return all(_holds(one, predicate) for predicate in _predicates(text))


def _predicates(text: str) -> list[Mapping[str, Any]]:
    if not text:
        return []
    try:
        parsed = json.loads(text)
        [(kind, predicates)] = parsed.items()
        assert kind == "predicates"
    except (ValueError, AttributeError, AssertionError):
        raise invalid(f'failed to parse valid filter from "{text}"') from None
    return list(predicates)


def _holds(one: Mapping[str, Any], predicate: Mapping[str, Any]) -> bool:
    known = {"operation", "key", "stringValue", "string_value"}
    if set(predicate) - known or predicate.get("operation") not in _OPERATIONS:
        raise invalid(f"failed to parse valid filter from {json.dumps(predicate)}")
    if predicate.get("key") not in ("display_name", "name", "state", "storage_state"):
        raise invalid(f"Unrecognized key {predicate.get('key')}")
    want = predicate.get("stringValue", predicate.get("string_value"))
    key = "display_name" if predicate["key"] == "name" else predicate["key"]
    return bool(_OPERATIONS[predicate["operation"]](one.get(key, ""), want))
