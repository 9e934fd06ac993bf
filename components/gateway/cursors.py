"""Where the next page of an answer begins, as an opaque word that fits only the query it was given for."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from .errors import GatewayError, bad_request

_MAX_LENGTH = 400
_MAX_NUMBER = 2**53


@dataclass(frozen=True)
class Place:
    """Where a page begins.

    Attributes:
        numbers: What counts: for a ranking the version and the rows before, for a history a time and a row.
        label: The label that the version was asked by.
    """

    numbers: tuple[int, ...]
    label: str | None = None


def write(place: Place, query: str) -> str:
    """Return the cursor of `place` in the answer to `query`."""
    content = json.dumps([*place.numbers, place.label, _digest(query)], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def read(cursor: str, query: str, numbers: int) -> Place:
    """Return what `write` was given.

    Raises:
        GatewayError: It is no cursor, or one of another query.
    """
    try:
        if len(cursor) > _MAX_LENGTH:
            raise ValueError
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        *found, label, digest = json.loads(text)
        place = Place(tuple(_number(number) for number in found), label)
        if len(found) != numbers or not (label is None or isinstance(label, str)):
            raise ValueError
    except (ValueError, TypeError, RecursionError) as error:
        raise bad_request("This is no cursor; leave it out for the first page.", "cursor") from error
    if digest != _digest(query):
        raise bad_request("The cursor belongs to another query; leave it out for the first page.", "cursor")
    return place


def gone(error: object) -> GatewayError:
    """Return the error for a cursor whose version is not served any more."""
    return GatewayError(
        410, "cursor_expired", f"The version of this cursor is not served any more: {error}.", field="cursor"
    )


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_NUMBER:
        raise ValueError
    return value


def _digest(query: str) -> str:
    return hashlib.blake2b(query.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()
