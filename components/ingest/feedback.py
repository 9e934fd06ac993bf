"""Ratings that users gave through the gateway, as one more file of ratings.

The gateway appends events as lines of JSON to files below `<home>/feedback/<family>/`. Of them count ratings
of users for items, given on a model that was trained on the same `data.source`: elsewhere the same ids may
mean others. Of several ratings of a user for an item the latest counts.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.object_store import connect

SOURCE = "source.txt"
COLUMNS = ("user_id", "item_id", "rating", "timestamp")

Row = tuple[str, str, float, int]


@dataclass(frozen=True)
class Feedback:
    """Ratings from feedback.

    Attributes:
        rows: User, item, rating, seconds since 1970; sorted.
        until: Time of the latest; what comes later is another run's.
    """

    rows: tuple[Row, ...] = ()
    until: float = 0.0

    def mark(self) -> str:
        """Return what changes when the ratings do; empty when there are none."""
        if not self.rows:
            return ""
        return f"{self.until!r} {hashlib.sha256(self.table().encode()).hexdigest()}"

    def table(self) -> str:
        """Return the ratings as a delimited file with a header."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(self.rows)
        return out.getvalue()


def until(mark: str) -> float:
    """Return the `until` of the feedback that `mark` is of."""
    return float(mark.partition(" ")[0])


def read_feedback(
    folder: Path, source: str, rating_range: tuple[float, float], until: float = float("inf")
) -> Feedback:
    """Return the ratings in a family's folder of feedback; none when it is not there.

    Lines that are cut off, and ratings out of range, are left out.

    Args:
        folder: `<home>/feedback/<family>`.
        source: `data.source` as the settings have it.
        rating_range: Lowest and highest rating.
        until: Later events are left out.
    """
    low, high = rating_range
    mine: dict[str, bool] = {}
    latest: dict[tuple[str, str], tuple[float, str, float]] = {}
    for event in _ratings(folder):
        examples = event.get("examples", "")
        if examples not in mine:
            mine[examples] = _source_of(examples) == source
        user, item, value, when = event["user"], event["item"], event["value"], event["time"]
        if not mine[examples] or not low <= value <= high or when > until:
            continue
        # Two in the same moment: the id decides, so that every reading gives the same.
        found = (when, event["event_id"], value)
        latest[user, item] = max(latest.get((user, item), found), found)
    rows = sorted((user, item, value, int(when)) for (user, item), (when, _, value) in latest.items())
    return Feedback(tuple(rows), max((when for when, _, _ in latest.values()), default=0.0))


def write_source(examples_uri: str, source: str) -> None:
    """Leave beside the examples what `data.source` they came from."""
    with tf.io.gfile.GFile(posixpath.join(examples_uri, SOURCE), "w") as file:
        file.write(source)


def _source_of(examples_uri: object) -> str | None:
    if not isinstance(examples_uri, str) or not examples_uri:
        return None
    connect(examples_uri)
    try:
        with tf.io.gfile.GFile(posixpath.join(examples_uri, SOURCE)) as file:
            return str(file.read())
    except tf.errors.OpError:
        return None


def _ratings(folder: Path) -> Iterator[Mapping[str, Any]]:
    seen: set[str] = set()
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                event = _event(line)
                if event is not None and event["event_id"] not in seen:
                    seen.add(event["event_id"])
                    yield event


def _event(line: bytes) -> Mapping[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not line.endswith(b"\n") or not isinstance(event, dict) or event.get("type") != "rating":
        return None
    texts = (event.get(name) for name in ("user", "item", "event_id"))
    numbers = (event.get(name) for name in ("value", "time"))
    if all(map(_is_id, texts)) and all(type(number) in (int, float) for number in numbers):
        return event
    return None


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value == value.strip() != "" and value.isprintable()
