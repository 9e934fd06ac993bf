"""Keep what users do: on disk before the caller hears of it, and no event twice."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from components.durable import sync

from .database import EVENT_IDS, EVENTS, IMPORTS, Database
from .errors import GatewayError, bad_request
from .schemas import FeedbackEvent, FeedbackReceipt

SEGMENT_BYTES = 64 * 2**20
_REMEMBER_SECONDS = 30 * 24 * 3600
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "rating": ("user", "item", "value"),
    "purchase": ("item",),
    "click": ("item",),
    "view": ("item",),
    "search": ("query",),
}


@dataclass
class _Segment:
    file: BinaryIO
    size: int


class FeedbackLog:
    """Append-only files of JSON lines, `<folder>/<model>/<time>-<id>.jsonl`.

    Every process writes files of its own and begins another when one is full, so that a reader sees a file
    only grow. Whoever reads has to drop a last line without an end, and events whose id was there before.

    Args:
        folder: Made if missing.
        now: Seconds since 1970.
        segment_bytes: A file that has so many is closed.
    """

    def __init__(self, folder: Path, now: Callable[[], float], segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._now = now
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._open: dict[str, _Segment] = {}

    def append(self, model: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Write events; returns when they are on disk. After a failure none of them is.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        lines = b"".join(json.dumps(event, sort_keys=True).encode() + b"\n" for event in events)
        with self._lock:
            segment = self._segment(model)
            try:
                segment.file.write(lines)
                segment.file.flush()
                os.fsync(segment.file.fileno())
            except OSError:
                del self._open[model]
                _cut(segment)
                raise
            segment.size += len(lines)
            if segment.size >= self._segment_bytes:
                self._open.pop(model).file.close()

    def close(self) -> None:
        """Close every file; a later `append` opens others."""
        with self._lock:
            for segment in self._open.values():
                segment.file.close()
            self._open.clear()

    def _segment(self, model: str) -> _Segment:
        if model not in self._open:
            folder = self._folder / model
            folder.mkdir(parents=True, exist_ok=True)
            began = datetime.fromtimestamp(self._now(), timezone.utc)
            name = f"{began:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:12]}.jsonl"
            self._open[model] = _Segment((folder / name).open("xb", buffering=0), 0)
            sync(folder)
        return self._open[model]


class Feedback:
    """Takes events from the API.

    Args:
        log: Where they are kept.
        database: Remembers ids for 30 days, and shows events in users' histories.
        now: Seconds since 1970.
        kept: Told model and type of each event that is kept.
    """

    def __init__(
        self,
        log: FeedbackLog,
        database: Database,
        now: Callable[[], float],
        kept: Callable[[str, str], None] = lambda model, kind: None,
    ) -> None:
        self._log = log
        self._database = database
        self._now = now
        self._kept = kept

    def accept(self, events: Sequence[FeedbackEvent]) -> FeedbackReceipt:
        """Keep the events that are new. All of them are on disk when this returns; on an error none counts.

        Raises:
            GatewayError: An event lacks what its type needs, or nothing can be written now.
        """
        for index, event in enumerate(events):
            _check(index, event)
        by_model: dict[str, dict[str, FeedbackEvent]] = {}
        for event in events:
            by_model.setdefault(event.model, {}).setdefault(event.event_id or uuid.uuid4().hex, event)
        accepted = sum(self._keep(model, mine) for model, mine in sorted(by_model.items()))
        return FeedbackReceipt(accepted=accepted, duplicates=len(events) - accepted)

    def _keep(self, model: str, events: Mapping[str, FeedbackEvent]) -> int:
        now = self._now()
        with self._database.begin() as connection:
            fresh = self._unknown(connection, model, events, now)
            if not fresh:
                return 0
            # On disk before the ids are: a crash in between makes a line twice, never none.
            try:
                trained_on = _trained_on(connection, model)
                self._log.append(model, [_line(name, events[name], now, trained_on) for name in fresh])
            except OSError as error:
                raise GatewayError(
                    503, "feedback_unavailable", f"Feedback cannot be written: {error.strerror}."
                ) from error
            shown = [
                _row(event, now) for event in map(events.__getitem__, fresh) if event.user and event.item
            ]
            if shown:
                connection.execute(sa.insert(EVENTS), shown)
        for name in fresh:
            self._kept(model, events[name].type)
        return len(fresh)

    def _unknown(self, connection: sa.Connection, model: str, names: Iterable[str], now: float) -> list[str]:
        insert = self._database.insert(EVENT_IDS).on_conflict_do_nothing().returning(EVENT_IDS.c.id)
        # One by one, in one order: two batches with the same ids must not wait for each other.
        rows = ({"model": model, "id": name, "time": now} for name in sorted(names))
        fresh = [row["id"] for row in rows if connection.execute(insert.values(row)).first()]
        stale = sa.delete(EVENT_IDS).where(EVENT_IDS.c.time < now - _REMEMBER_SECONDS)
        connection.execute(stale)
        return [str(name) for name in fresh]


def _check(index: int, event: FeedbackEvent) -> None:
    for field in _NEEDS[event.type]:
        if getattr(event, field) is None:
            raise bad_request(f"A {event.type} event needs `{field}`.", f"events.{index}.{field}")
    for field in ("user", "item", "query", "event_id", "trace_id"):
        if "\0" in (getattr(event, field) or ""):
            raise bad_request(f"`{field}` has a NUL character; leave it out.", f"events.{index}.{field}")


def _trained_on(connection: sa.Connection, model: str) -> str:
    # Ids mean something only together with the data that they are of.
    query = sa.select(IMPORTS.c.source).where(IMPORTS.c.model == model)
    return connection.execute(query).scalar() or ""


def _line(name: str, event: FeedbackEvent, now: float, trained_on: str) -> dict[str, Any]:
    about = {"event_id": name, "time": round(now, 3), "examples": trained_on}
    return {**event.model_dump(exclude_none=True), **about}


def _row(event: FeedbackEvent, now: float) -> dict[str, Any]:
    fields = event.model_dump(include={"model", "user", "item", "type", "value"})
    return {**fields, "generation": 0, "time": int(now)}


def _cut(segment: _Segment) -> None:
    # What was written of the failed lines goes; where even that fails, readers drop the torn line.
    try:
        segment.file.truncate(segment.size)
        segment.file.close()
    except OSError:
        pass
