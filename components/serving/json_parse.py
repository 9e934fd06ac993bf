"""Parse a request body, with bounds and TensorFlow Serving's error texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import ServingError, invalid
from .json_depth import MAX_DEPTH, bounded, brackets

MAX_ECHO = 1024

# Longer integer literals fit no tensor type, and turning them into Python ints is quadratic.
_MAX_INTEGER_DIGITS = 40

_TEXTS = {
    "Expecting value": "Invalid value.",
    "Extra data": "The document root must not be followed by other values.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid encoding in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
}


def parse(body: bytes, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the JSON object in `body`; `NaN` and `-Infinity` are numbers too, and the first of a key counts.

    Raises:
        ServingError: INVALID_ARGUMENT: not JSON, not an object, or nested deeper than `max_depth`.
    """
    if not body:
        raise _parse_error("The document is empty")
    document = _decode(bounded(body, max_depth))
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {echo(document)} Is not object")
    return document


def echo(value: Any) -> str:
    """Return `value` as indented JSON, cut at `MAX_ECHO` characters."""
    parts: list[str] = []
    length = 0
    # Indentation can make the text hundreds of times larger than the request: stop while writing.
    for part in _chunks(value):
        parts.append(part[: MAX_ECHO + 1])
        length += len(part)
        if length > MAX_ECHO:
            return "".join(parts)[:MAX_ECHO] + "..."
    return "".join(parts)


def _chunks(value: Any) -> Iterable[str]:
    return json.JSONEncoder(indent=4, ensure_ascii=False).iterencode(value)


def _decode(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _parse_error("Invalid encoding in string.", error.start) from error
    if not text.strip():
        raise _parse_error("The document is empty.", len(body))
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise _explained(error, text) from error
    except ValueError:
        # CPython refuses very long integer literals; everywhere else they are just large numbers.
        return json.loads(text, parse_int=_bounded_integer, object_pairs_hook=_object)


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(members)
    if len(content) < len(members):
        content.clear()
        for name, value in members:
            content.setdefault(name, value)
    return content


def _bounded_integer(literal: str) -> int | float:
    return int(literal) if len(literal) <= _MAX_INTEGER_DIGITS else float(literal)


def _explained(error: json.JSONDecodeError, text: str) -> ServingError:
    what, position = error.msg, error.pos
    if what == "Expecting ',' delimiter":
        unclosed = _open_brackets(text[:position].encode())
        words = "] after an array element." if unclosed[-1:] == b"[" else "} after an object member."
        message = f"Missing a comma or {words}"
    else:
        message = _TEXTS.get(what, "Invalid value.")
    if what == "Unterminated string starting at":
        position = len(text)
    return _parse_error(message, len(text[:position].encode()))


def _parse_error(message: str, offset: int | None = None) -> ServingError:
    return invalid(f"JSON Parse error: {message}" + ("" if offset is None else f" at offset: {offset}"))


def _open_brackets(body: bytes) -> bytes:
    stack = bytearray()
    for bracket in np.frombuffer(body, dtype=np.uint8)[brackets(body)].tobytes():
        if bracket in b"[{":
            stack.append(bracket)
        elif stack:
            stack.pop()
    return bytes(stack)
