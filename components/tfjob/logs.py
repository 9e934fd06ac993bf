"""Stream the logs of pods while they run, each line with its replica's name before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import urllib3
from kubernetes.client import ApiException

from components.tfjob.api import Kubernetes

_LAST_WORDS_S = 10.0
_TRIES = 5


class Logs:
    """The logs of one job, a thread for each pod.

    Args:
        api: The cluster.
        say: Prints a line.
    """

    def __init__(self, api: Kubernetes, say: Callable[[str], None]) -> None:
        self._api = api
        self._say = say
        self._threads: list[threading.Thread] = []

    def follow(self, pod: str, name: str) -> None:
        """Stream a pod's log from its beginning until the pod ends."""
        thread = threading.Thread(target=self._relay, args=(pod, name), daemon=True)
        thread.start()
        self._threads.append(thread)

    def finish(self) -> None:
        """Wait for the last words of pods that have ended, some seconds at most."""
        end = time.monotonic() + _LAST_WORDS_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._threads = [thread for thread in self._threads if thread.is_alive()]

    def _relay(self, pod: str, name: str) -> None:
        said = 0
        for attempt in range(_TRIES):
            try:
                # After a broken connection the log comes from its beginning again.
                for count, line in enumerate(_lines(self._api.log(pod)), start=1):
                    if count > said:
                        self._say(f"[{name}] {line}")
                        said = count
                return
            except ApiException as error:
                # The pod was replaced; what it had said is lost, but its successor is followed.
                if error.status == 404:
                    return
            except (urllib3.exceptions.HTTPError, OSError):
                pass
            time.sleep(2.0**attempt / 4)


def _lines(stream: Any) -> Iterator[str]:
    rest = b""
    for chunk in stream.stream(amt=4096, decode_content=False):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in lines)
    if rest:
        yield rest.decode("utf-8", "replace")
