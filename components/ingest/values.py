"""Fields of a row as ids, numbers, times and lists."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone

_NO_GENRES = "(no genres listed)"


class BadValue(Exception):
    """Signal that a field cannot be what its column needs; never leaves the readers.

    Args:
        problem: With the offending value; ends with a period.
        cure: What to do; ends with a period.
    """

    def __init__(self, problem: str, cure: str) -> None:
        super().__init__(problem, cure)
        self.problem = problem
        self.cure = cure


def identifier(text: str, name: str) -> str:
    """Return `text`, the id in column `name`.

    Raises:
        BadValue: It is empty.
    """
    if not text:
        raise BadValue(f"`{name}` is empty.", "Give every row an id, or remove the row.")
    return text


def number(text: str, name: str) -> float:
    """Return the number in column `name`.

    Raises:
        BadValue: `text` is no number, or not a finite one.
    """
    try:
        # Python takes 1_000 for a number; no data format does.
        value = float(text.replace("_", "?"))
    except ValueError:
        raise BadValue(f"`{name}` is `{text}`, which is not a number.", "Write a number, e.g. 3.5.") from None
    if not math.isfinite(value):
        raise BadValue(
            f"`{name}` is `{text}`, which is not finite.", "Write a finite number, or remove the row."
        )
    return value


def rating(text: str, low: float, high: float) -> float:
    """Return the rating in `text`, which must lie in [`low`, `high`].

    Raises:
        BadValue: It is no finite number or lies outside.
    """
    value = number(text, "rating")
    if low <= value <= high:
        return value
    wider = f"[{min(low, value):g},{max(high, value):g}]"
    raise BadValue(
        f"Rating {value:g} is outside [{low:g}, {high:g}].",
        f"Mend the row, or widen the range: `--set data.rating_range={wider}`.",
    )


def whole(text: str, name: str) -> int:
    """Return the whole number in column `name`; 64 bits hold it.

    Raises:
        BadValue: `text` is no such number.
    """
    value = _exact(text, name)
    if value != int(value):
        raise BadValue(f"`{name}` is {text}, which is not a whole number.", "Write a whole number, e.g. 3.")
    if not -(2**63) <= value < 2**63:
        raise BadValue(f"`{name}` is {text}, which 64 bits cannot hold.", "Write a smaller number.")
    return int(value)


def timestamp(text: str) -> int:
    """Return a time as a whole number.

    An ISO 8601 date gives seconds since 1970 UTC, a number stays as it is.
    A date without a zone is in UTC; of a number with a fraction the whole part is returned.

    Raises:
        BadValue: `text` is neither.
    """
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00")) if text[4:5] == "-" else None
    except ValueError:
        when = None
    if when is None:
        return whole(str(int(_exact(text, "timestamp"))), "timestamp")
    return int((when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp())


def _exact(text: str, name: str) -> int | float:
    # By way of a float, a time in nanoseconds would lose its last digits.
    return int(text) if re.fullmatch(r"-?\d{1,19}", text) else number(text, name)


def genres(text: str) -> list[str]:
    """Return the genres in `text`.

    They are separated by the first of `|`, `;`, `,` that occurs in it.
    """
    separator = next((mark for mark in "|;," if mark in text), "|")
    return [part.strip() for part in text.split(separator) if part.strip() and part.strip() != _NO_GENRES]
