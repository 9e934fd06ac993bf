"""The journal of a sweep: every event as a line of JSON, on disk before anything follows from it."""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.durable import sync
from components.errors import InputError, LodestarError
from hparam.folder import SweepFolder
from hparam.spec import SweepSpec
from hparam.trials import Sweep, apply, replay

Clock = Callable[[], float]
_LOG = logging.getLogger(__name__)


class Journal:
    """The open journal of a sweep. Only who holds the sweep's lock may open it.

    Args:
        path: The file.
        sweep: What its records add up to.
        clock: Unix time.
    """

    def __init__(self, path: Path, sweep: Sweep, clock: Clock) -> None:
        self.sweep = sweep
        self._path = path
        self._clock = clock
        self._size = path.stat().st_size

    @classmethod
    def create(cls, folder: SweepFolder, spec: SweepSpec, clock: Clock) -> Journal:
        """Begin the journal of a new sweep; it is there with its first record or not at all.

        Raises:
            InputError: The folder has a journal already.
        """
        record = {"seq": 0, "ts": clock(), "event": "created", "spec": spec.model_dump(mode="json")}
        sweep = apply(None, record)
        folder.path.mkdir(parents=True, exist_ok=True)
        aside = folder.journal.with_name(f".{folder.journal.name}-{uuid.uuid4().hex}")
        try:
            _write(aside, 0, _line(record))
            # Unlike a rename, a link refuses to replace a journal that another has begun meanwhile.
            os.link(aside, folder.journal)
            sync(folder.path)
        except FileExistsError:
            raise InputError(
                f"There is a sweep `{spec.name}` already.",
                source=str(folder.journal),
                cure="Choose another name, or go on with that one.",
            ) from None
        finally:
            aside.unlink(missing_ok=True)
        return cls(folder.journal, sweep, clock)

    @classmethod
    def open(cls, folder: SweepFolder, clock: Clock) -> Journal:
        """Open a journal to go on with it; a last line that was not written to its end is removed.

        Raises:
            InputError: There is none.
            LodestarError: A line is damaged or not possible where it stands.
        """
        records, size, torn = _read(folder.journal)
        if torn:
            _LOG.warning(
                "%s: the last record was cut off after %d bytes; it is removed.", folder.journal, torn
            )
            os.truncate(folder.journal, size)
        return cls(folder.journal, _replay(folder.journal, records), clock)

    def append(self, event: str, **fields: Any) -> Sweep:
        """Add a record and return the sweep after it; it is on disk when this returns.

        Raises:
            ValueError: The record is not possible now; nothing is written.
            LodestarError: It cannot be written; the journal is as it was.
        """
        record = {"seq": self.sweep.records, "ts": self._clock(), "event": event, **fields}
        sweep = apply(self.sweep, record)
        line = _line(record)
        try:
            _write(self._path, self._size, line)
        except OSError as error:
            raise LodestarError(
                f"Cannot write the journal: {error}.",
                source=str(self._path),
                cure="Free disk space, then go on with the sweep.",
            ) from None
        self._size += len(line)
        self.sweep = sweep
        return sweep


def read_journal(path: Path) -> Sweep:
    """Return the sweep that a journal is the record of; a controller may be writing it.

    Raises:
        InputError: There is none.
        LodestarError: A line is damaged or not possible where it stands.
    """
    records, _, _ = _read(path)
    return _replay(path, records)


def _replay(path: Path, records: list[dict[str, Any]]) -> Sweep:
    try:
        return replay(records)
    except LodestarError as error:
        raise type(error)(error.problem, cure=error.cure, source=str(path), line=error.line) from None


def _read(path: Path) -> tuple[list[dict[str, Any]], int, int]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError("There is no such sweep: it has no journal.", source=str(path)) from None
    # A record counts from its line feed on, which is written last.
    whole, _, torn = content.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    return (
        [_record(path, number, line) for number, line in enumerate(lines)],
        len(content) - len(torn),
        len(torn),
    )


def _record(path: Path, seq: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
        if record["seq"] != seq:
            raise ValueError(f"record {record['seq']} stands where {seq} belongs")
    except (ValueError, KeyError, TypeError) as error:
        raise LodestarError(
            f"This record is damaged: {error}.",
            source=str(path),
            line=seq + 1,
            cure="Restore the journal from a backup, or cut it off before this line.",
        ) from None
    return dict(record)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def _write(path: Path, size: int, line: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if os.fstat(file).st_size != size:
            raise OSError("another controller has written to it")
        try:
            done = 0
            while done < len(line):
                done += os.write(file, line[done:])
            os.fsync(file)
        except OSError:
            # What was cut off must not become the beginning of the next record.
            os.ftruncate(file, size)
            raise
    finally:
        os.close(file)
