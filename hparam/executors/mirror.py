"""The objects of one kind with one label, kept up to date by watching them."""

from __future__ import annotations

import threading
import time

import urllib3
from kubernetes.client import ApiException

from components.errors import LodestarError
from hparam.executors.objects import Kind, Object, Objects

_PAUSE_S = 1.0


class Mirror:
    """A copy in memory: a thousand looks cost the API server one list and one watch.

    Args:
        objects: The cluster.
        kind: What is copied.
        selector: The labels that the objects have.
    """

    def __init__(self, objects: Objects, kind: Kind, selector: str) -> None:
        self._objects = objects
        self._kind = kind
        self._selector = selector
        self._held: dict[str, Object] = {}
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

    def items(self) -> dict[str, Object]:
        """Return the objects by name."""
        with self._guard:
            return dict(self._held)

    def put(self, item: Object) -> None:
        """Take in what this process has made, before the watch tells; what that has told is newer."""
        with self._guard:
            held = self._held.get(item["metadata"]["name"])
            if held is None or held["metadata"]["uid"] != item["metadata"]["uid"]:
                self._held[item["metadata"]["name"]] = item

    def drop(self, name: str) -> None:
        """Forget what this process has deleted, before the watch tells."""
        with self._guard:
            self._held.pop(name, None)

    def _fill(self) -> str:
        items, version = self._objects.list(self._kind, self._selector)
        with self._guard:
            self._held = {item["metadata"]["name"]: item for item in items}
        return version

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
                if event == "DELETED":
                    self._held.pop(item["metadata"]["name"], None)
                else:
                    self._held[item["metadata"]["name"]] = item
            if self._stopped.is_set():
                break
        return version
