"""Requests to a sweep's controller: other commands leave them, the controller takes them."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

# `retry` is a trial's number; `stopping` ends the sweep at once, `draining` with the trials that run.
KEYS = ("trials", "parallel", "paused", "draining", "stopping", "retry")
_LOG = logging.getLogger(__name__)


class Control(Protocol):
    """Where requests arrive."""

    def take(self) -> Iterable[Mapping[str, Any]]:
        """Return the requests that have arrived, oldest first; each is returned once."""


class FolderControl:
    """Requests as files of a folder.

    Args:
        folder: Need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self) -> Iterator[Mapping[str, Any]]:
        """Yield the requests, oldest first.

        A request is removed when the next is asked for: one that a dead controller had begun
        with comes again.
        """
        for path in sorted(self._folder.glob("*.json")):
            try:
                change = json.loads(path.read_text(encoding="utf-8"))
                if not isinstance(change, dict):
                    raise ValueError("it is no JSON object")
            except ValueError as error:
                _LOG.warning("%s: this request is ignored: %s.", path, error)
            else:
                yield change
            path.unlink(missing_ok=True)


def request(folder: Path, change: Mapping[str, Any], clock: Callable[[], int] = time.time_ns) -> Path:
    """Leave a request in a control folder, made if need be, and return its file.

    Args:
        folder: The sweep's control folder.
        change: One of `KEYS` or several -> value.
        clock: Unix time in nanoseconds: the order of the requests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{clock():020d}-{uuid.uuid4().hex}.json"
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(dict(change)), encoding="utf-8")
    aside.replace(path)
    return path
