"""Which versions are stable and canary, read from the file that deployments are recorded in."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Canary:
    """A version on trial.

    Attributes:
        version: Its number.
        percent: Share of the requests that it answers.
    """

    version: int
    percent: float


@dataclass(frozen=True)
class Deployed:
    """What is deployed of a model.

    Attributes:
        stable: The version that answers; None when none is pinned.
        canary: The version on trial, if there is one.
    """

    stable: int | None = None
    canary: Canary | None = None


NOT_PINNED = Deployed()


class DeploymentFile:
    """The file, read again whenever it changes; one that is missing pins nothing.

    A file that cannot be read leaves what was known before, so that a mistake in it moves no traffic.

    Args:
        path: `deployments.json`; None when there is none.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._deployed: Mapping[str, Deployed] = {}

    def of(self, model: str) -> Deployed:
        """Return what is deployed of `model` now."""
        return self._read().get(model, NOT_PINNED)

    def _read(self) -> Mapping[str, Deployed]:
        if self._path is None:
            return {}
        try:
            stat = self._path.stat()
        except OSError:
            return {}
        mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        with self._lock:
            if mark != self._seen:
                self._seen = mark
                try:
                    self._deployed = _parse(self._path.read_bytes())
                except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                    _LOG.warning("Cannot read %s, which changes nothing: %s", self._path, error)
            return self._deployed


def _parse(text: bytes) -> dict[str, Deployed]:
    return {str(model): _entry(entry) for model, entry in json.loads(text).items()}


def _entry(entry: Mapping[str, Any]) -> Deployed:
    canary, stable = entry.get("canary"), entry.get("stable")
    return Deployed(
        None if stable is None else int(stable),
        Canary(int(canary["version"]), float(canary["percent"])) if canary else None,
    )
