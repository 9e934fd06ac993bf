"""Bound how deep a JSON body nests before anything recursive reads it.

TensorFlow Serving's parser does not recurse, so a request may nest as deep as it likes where nobody looks:
the value of a top-level key that no method uses. Such a value is cut out here.
"""

from __future__ import annotations

import json
import re

import numpy as np
import numpy.typing as npt

from .errors import ServingError, invalid

MAX_DEPTH = 64
USED_KEYS = frozenset(("signature_name", "instances", "inputs", "examples", "context"))

# Cutting values out takes some tens of bytes a bracket.
_MAX_BRACKETS = 2**21
_LAST_KEY = re.compile(rb'("(?:[^"\\]|\\.)*")\s*:\s*\Z', re.DOTALL)

# A body that is a bomb shows it here, before memory is taken for all of it.
_BEGINNING = 2**16
_VALUE_LEVEL = 2

Positions = npt.NDArray[np.int64]


def bounded(body: bytes, max_depth: int = MAX_DEPTH) -> bytes:
    """Return a body that nests at most `max_depth` levels: `body`, with deep values of unused keys cut out.

    Raises:
        ServingError: INVALID_ARGUMENT: it is deeper in a key that is used, or its brackets do not match.
    """
    if body.count(b"[") + body.count(b"{") <= max_depth:
        return body
    if len(body) > _BEGINNING:
        _check_beginning(body[:_BEGINNING], max_depth)
    positions = brackets(body)
    symbols = np.frombuffer(body, dtype=np.uint8)[positions]
    opening = (symbols == ord("[")) | (symbols == ord("{"))
    levels = np.cumsum(np.where(opening, np.int8(1), np.int8(-1)), dtype=np.int32)
    if levels.max(initial=0) <= max_depth:
        return body
    if len(levels) > _MAX_BRACKETS or not _are_matched(symbols, opening, levels):
        raise _too_deep(max_depth)
    return _without_deep_values(body, positions, opening, levels, max_depth)


def _check_beginning(body: bytes, max_depth: int) -> None:
    """Raise when a used key is too deep in the first bytes already; what follows cannot mend that."""
    positions = brackets(body)
    symbols = np.frombuffer(body, dtype=np.uint8)[positions]
    opening = (symbols == ord("[")) | (symbols == ord("{"))
    levels = np.cumsum(np.where(opening, np.int8(1), np.int8(-1)), dtype=np.int32)
    deep = np.flatnonzero(levels > max_depth)
    if len(deep):
        values = np.flatnonzero(opening & (levels == _VALUE_LEVEL))
        last = values[np.searchsorted(values, deep[0]) - 1]
        if _is_used(body[: positions[last]]):
            raise _too_deep(max_depth)


def brackets(body: bytes) -> Positions:
    """Return where the brackets of `body` are that are outside strings."""
    plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body
    symbols = np.frombuffer(plain, dtype=np.uint8)
    inside = np.bitwise_xor.accumulate((symbols == ord('"')).view(np.uint8))
    lower = symbols | 0x20  # maps `[` to `{` and `]` to `}`
    wanted = ((lower == ord("{")) | (lower == ord("}"))) & (inside == 0)
    return np.flatnonzero(wanted)


def _are_matched(
    symbols: npt.NDArray[np.uint8], opening: npt.NDArray[np.bool_], levels: npt.NDArray[np.int32]
) -> bool:
    """Return whether this is one object in which every bracket has its partner."""
    if symbols[0] != ord("{") or levels[-1] != 0 or levels[:-1].min(initial=1) < 1:
        return False
    # Ordered by level, each opening bracket is followed by the one that closes it.
    order = np.argsort(levels + ~opening, kind="stable")
    opened, closed = symbols[order[0::2]], symbols[order[1::2]]
    return bool(np.all(closed == opened + 2))  # `]` is `[` + 2, `}` is `{` + 2


def _without_deep_values(
    body: bytes,
    positions: Positions,
    opening: npt.NDArray[np.bool_],
    levels: npt.NDArray[np.int32],
    max_depth: int,
) -> bytes:
    first = np.flatnonzero(opening & (levels == 2))
    last = np.flatnonzero(~opening & (levels == 1))
    deepest = np.maximum.reduceat(levels, first)
    kept, end = [], 0
    for index in np.flatnonzero(deepest > max_depth):
        start = int(positions[first[index]])
        before = body[end:start]
        if _is_used(before):
            raise _too_deep(max_depth)
        kept += [before, b"null"]
        end = int(positions[last[index]]) + 1
    return b"".join((*kept, body[end:]))


def _is_used(before: bytes) -> bool:
    match = _LAST_KEY.search(before)
    try:
        return match is None or json.loads(match[1]) in USED_KEYS
    except ValueError:
        return True


def _too_deep(max_depth: int) -> ServingError:
    return invalid(f"JSON Parse error: The document is nested deeper than {max_depth} levels.")
