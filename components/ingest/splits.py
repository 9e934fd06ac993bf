"""Which of a user's interactions go to train and which to eval; pure, no Beam."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from components.ingest.settings import SplitSettings


class Interaction(NamedTuple):
    """One row of a user; sorts by where it stands in the input.

    Attributes:
        file: Index of its file.
        line: Its line there.
        item_id: The item.
        rating: None when the data set has none.
        timestamp: Seconds since 1970; None when the data set has none.
        split: The split of its file; empty: the settings decide.
    """

    file: int
    line: int
    item_id: str
    rating: float | None
    timestamp: int | None
    split: str


def keep_last(rows: Sequence[Interaction]) -> list[Interaction]:
    """Return the last row of each item, in input order."""
    last = {row.item_id: row for row in sorted(rows)}
    return sorted(last.values())


def assign(
    user_id: str, rows: Sequence[Interaction], settings: SplitSettings
) -> list[tuple[str, Interaction]]:
    """Return (`train` or `eval`, row) for each row of one user.

    Each item must be named once. The order of `rows` does not matter.
    """
    if settings.method == "files":
        return [(row.split, row) for row in rows]
    if settings.method == "random":
        return [("eval" if _draw(user_id, row, settings) else "train", row) for row in rows]
    # Stable: rows of the same second stay in input order.
    by_time = sorted(sorted(rows), key=lambda row: row.timestamp or 0)
    cut = len(by_time) - settings.last if len(by_time) > settings.last else len(by_time)
    return [("train" if index < cut else "eval", row) for index, row in enumerate(by_time)]


def _draw(user_id: str, row: Interaction, settings: SplitSettings) -> bool:
    text = f"{settings.seed}\0{user_id}\0{row.item_id}"
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < settings.eval_fraction * 2**64
