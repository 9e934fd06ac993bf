"""Parse a request body, with bounds and TensorFlow Serving's error texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import ServingError, invalid

MAX_DEPTH = 64
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


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`; `NaN` and `-Infinity` are numbers too.

    Raises:
        ServingError: INVALID_ARGUMENT: not JSON, not an object, or nested deeper than `MAX_DEPTH`.
    """
    if not body:
        raise _parse_error("The document is empty")
    if _depth(body) > MAX_DEPTH:
        raise _parse_error(f"The document is nested deeper than {MAX_DEPTH} levels.")
    document = _decode(body)
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
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _explained(error, text) from error
    except ValueError:
        # CPython refuses very long integer literals; everywhere else they are just large numbers.
        return json.loads(text, parse_int=_bounded_integer)


def _bounded_integer(literal: str) -> int | float:
    return int(literal) if len(literal) <= _MAX_INTEGER_DIGITS else float(literal)


def _explained(error: json.JSONDecodeError, text: str) -> ServingError:
    what, position = error.msg, error.pos
    if what == "Expecting ',' delimiter":
        brackets = _open_brackets(text[:position].encode())
        words = "] after an array element." if brackets[-1:] == b"[" else "} after an object member."
        message = f"Missing a comma or {words}"
    else:
        message = _TEXTS.get(what, "Invalid value.")
    if what == "Unterminated string starting at":
        position = len(text)
    return _parse_error(message, len(text[:position].encode()))


def _parse_error(message: str, offset: int | None = None) -> ServingError:
    return invalid(f"JSON Parse error: {message}" + ("" if offset is None else f" at offset: {offset}"))


def _depth(body: bytes) -> int:
    openings = body.count(b"[") + body.count(b"{")
    if openings <= MAX_DEPTH:
        return openings
    brackets = _brackets(body)
    steps = np.where((brackets == ord("[")) | (brackets == ord("{")), np.int8(1), np.int8(-1))
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def _open_brackets(body: bytes) -> bytes:
    stack = bytearray()
    for bracket in _brackets(body).tobytes():
        if bracket in b"[{":
            stack.append(bracket)
        elif stack:
            stack.pop()
    return bytes(stack)


def _brackets(body: bytes) -> npt.NDArray[np.uint8]:
    """Return the brackets of `body` that are outside strings, in order."""
    plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body
    symbols = np.frombuffer(plain, dtype=np.uint8)
    inside = np.bitwise_xor.accumulate((symbols == ord('"')).view(np.uint8))
    lower = symbols | 0x20  # maps `[` to `{` and `]` to `}`
    wanted = ((lower == ord("{")) | (lower == ord("}"))) & (inside == 0)
    return symbols[wanted]
