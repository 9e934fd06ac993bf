"""The objects of one kind with one label, kept up to date by watching them."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable

import urllib3
from kubernetes.client import ApiException

from components.errors import LodestarError
from hparam.executors.objects import Kind, Object, Objects

_PAUSE_S = 1.0


class Mirror:
    """A copy in memory: looks cost the API server nothing, and the one who looks only what is new.

    Args:
        objects: The cluster.
        kind: What is copied.
        selector: The labels that the objects have.
        run: Says which run an object is of.
    """

    def __init__(self, objects: Objects, kind: Kind, selector: str, run: Callable[[Object], str]) -> None:
        self._objects = objects
        self._kind = kind
        self._selector = selector
        self._run = run
        self._held: defaultdict[str, dict[str, Object]] = defaultdict(dict)
        self._changed: set[str] = set()
        self._guard = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """List the objects, then watch them in the background.

        Raises:
            LodestarError: They cannot be listed.
        """
        version = self._fill()
        threading.Thread(target=self._follow, args=(version,), daemon=True).start()

    def stop(self) -> None:
        """Watch no more, from the next change on."""
        self._stopped.set()

    def changed(self) -> set[str]:
        """Return the runs about whose objects there is news since the last call."""
        with self._guard:
            changed, self._changed = self._changed, set()
            return changed

    def of(self, run: str) -> list[Object]:
        """Return the objects of a run."""
        with self._guard:
            return list(self._held[run].values()) if run in self._held else []

    def put(self, item: Object) -> None:
        """Take in what this process has made, before the watch tells; what that has told is newer."""
        with self._guard:
            held = self._held[self._run(item)].get(item["metadata"]["name"])
            if held is None or held["metadata"]["uid"] != item["metadata"]["uid"]:
                self._set(item)

    def drop(self, run: str) -> None:
        """Forget what this process has deleted, before the watch tells."""
        with self._guard:
            self._held.pop(run, None)

    def _fill(self) -> str:
        items, version = self._objects.list(self._kind, self._selector)
        with self._guard:
            self._changed |= self._held.keys()
            self._held.clear()
            for item in items:
                self._set(item)
        return version

    def _set(self, item: Object) -> None:
        run = self._run(item)
        self._held[run][item["metadata"]["name"]] = item
        self._changed.add(run)

    def _follow(self, version: str) -> None:
        while not self._stopped.is_set():
            try:
                version = version or self._fill()
                version = self._watch(version)
            except (ApiException, urllib3.exceptions.HTTPError, OSError, LodestarError):
                time.sleep(_PAUSE_S)
                version = ""

    def _watch(self, version: str) -> str:
        for event, item in self._objects.watch(self._kind, self._selector, version):
            if event == "ERROR":  # The version is too old.
                return ""
            version = str(item["metadata"]["resourceVersion"])
            with self._guard:
                self._set(item)
                if event == "DELETED":
                    del self._held[self._run(item)][item["metadata"]["name"]]
            if self._stopped.is_set():
                break
        return version
