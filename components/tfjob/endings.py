"""See how replicas end, even when their pods are deleted at once."""

from __future__ import annotations

import queue
import threading
import time

import urllib3
from kubernetes.client import ApiException

from components.tfjob.api import Kubernetes
from components.tfjob.pods import Replica, replica_of

_PAUSE_S = 1.0


class Endings:
    """Watches the pods of a TFJob in the background.

    Args:
        api: The cluster.
        job: The TFJob's name.
    """

    def __init__(self, api: Kubernetes, job: str) -> None:
        self._api = api
        self._job = job
        self._found: queue.SimpleQueue[Replica] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch from now on."""
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        """Watch no more, from the next change or the next minute on."""
        self._stopped.set()

    def take(self) -> list[Replica]:
        """Return replicas that have ended; one may come again."""
        return [self._found.get() for _ in range(self._found.qsize())]

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                for pod in self._api.changes(self._job):
                    replica = replica_of(pod)
                    if replica.code is not None:
                        self._found.put(replica)
                    if self._stopped.is_set():
                        return
            except (ApiException, urllib3.exceptions.HTTPError, OSError):
                time.sleep(_PAUSE_S)
