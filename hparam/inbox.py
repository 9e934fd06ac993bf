"""Requests that lie where others see them too: handed out once, removed when they have been acted upon."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

ID, CHANGE = "id", "change"


class Inbox:
    """Keeps apart which requests are new, which are being acted upon, and which are done.

    One that a dead controller had begun with is found where it lies by the next, and comes again. Safe for
    one thread that looks and another that takes.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._seen: set[str] = set()
        self._new: list[tuple[str, dict[str, Any]]] = []
        self._taken: list[str] = []
        self._done: set[str] = set()

    def look(self, found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Note what is new of all requests that lie there, and return those that are to stay."""
        with self._guard:
            stay = [one for one in found if one[ID] not in self._done]
            for one in stay:
                if one[ID] not in self._seen:
                    self._seen.add(one[ID])
                    self._new.append((one[ID], dict(one[CHANGE])))
            return stay

    def take(self) -> list[dict[str, Any]]:
        """Return the new requests, oldest first; those that the last call returned are done."""
        with self._guard:
            self._done.update(self._taken)
            self._taken = [key for key, _ in self._new]
            changes = [change for _, change in self._new]
            self._new = []
            return changes

    def finish(self) -> None:
        """Count as done what has been taken: nothing more will be."""
        with self._guard:
            self._done.update(self._taken)
            self._taken = []
