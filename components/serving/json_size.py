"""Refuse a JSON body that holds too much before a parser makes objects of it.

A parser needs some tens of bytes for every value and keeps all other requests waiting meanwhile; counting
needs neither.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .errors import ServingError, invalid, too_large

# As many as fit into a body that is not compressed, one digit each way.
MAX_VALUES = 2**21

_ROW_LEVEL = 2


def check(body: bytes, max_rows: int, max_values: int = MAX_VALUES) -> None:
    """Look at the size of what a body holds.

    Args:
        body: A JSON object, or what should be one.
        max_rows: Elements of `instances` at most, or of any other list in the top-level object.
        max_values: Values in the whole body at most.

    Raises:
        ServingError: HTTP 413: too many values. INVALID_ARGUMENT: too many rows.
    """
    # A value takes two bytes at least.
    if len(body) < 2 * min(max_rows, max_values):
        return
    commas = body.count(b",")
    if max(commas, body.count(b"[") + body.count(b"{")) > max_values:
        raise too_large(f"The request body holds more than {max_values} values.")
    if commas < max_rows:
        return
    rows = _most_rows(body)
    if rows > max_rows:
        raise _rows_error(rows, max_rows)


def _most_rows(body: bytes) -> int:
    """Return the number of elements of the largest list in the top-level object."""
    symbols = _structure(body)
    opening, comma = (symbols & 0x5F) == ord("["), symbols == ord(",")
    steps = np.where(opening, np.int8(1), np.where(comma, np.int8(0), np.int8(-1)))
    levels = np.cumsum(steps, dtype=np.int32)
    lists = np.cumsum(opening & (levels == _ROW_LEVEL), dtype=np.int32)
    separators = lists[comma & (levels == _ROW_LEVEL)]
    return int(np.bincount(separators).max(initial=0)) + 1


def _structure(body: bytes) -> npt.NDArray[np.uint8]:
    """Return the brackets and commas of `body` that are outside strings, in order."""
    plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body
    symbols = np.frombuffer(plain, dtype=np.uint8)
    outside = np.bitwise_xor.accumulate((symbols == ord('"')).view(np.uint8)) == 0
    # Both kinds of brackets differ in two bits only: `[` 5B, `]` 5D, `{` 7B, `}` 7D.
    folded = symbols & 0x5F
    return symbols[((folded == ord("[")) | (folded == ord("]")) | (symbols == ord(","))) & outside]


def _rows_error(rows: int, most: int) -> ServingError:
    return invalid(f"The request has {rows} rows; this server takes at most {most} at a time.")
