"""Refuse what cannot be answered in time, before any work is done for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from .errors import Code, ServingError
from .options import ServerOptions

# How fast the average follows: the last twenty requests or so.
_WEIGHT = 0.1


def admission(options: ServerOptions, threads: int) -> Admission:
    """Return what admits requests to so many threads, as the options say."""
    patience = min(options.max_queue_wait_in_ms, options.rest_api_timeout_in_ms) / 1000
    return Admission(threads, options.max_queued_requests, patience)


class Admission:
    """Count the requests of one API and refuse those beyond what waits for a thread.

    Args:
        threads: Requests that run at once.
        most_queued: Requests that wait for a thread at most.
        patience_seconds: A request that would wait longer than this, by the time that others took lately, is
            refused even when the queue has room: its client would be gone before it gets an answer.
    """

    def __init__(self, threads: int, most_queued: int, patience_seconds: float) -> None:
        self._threads = threads
        self._most = threads + most_queued
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._inside = 0
        self._average = 0.0

    @property
    def inside(self) -> int:
        """Return how many requests run or wait."""
        return self._inside

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request in while the block runs.

        Raises:
            ServingError: UNAVAILABLE: too many are in.
        """
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Count a request in; `leave` counts it out.

        Raises:
            ServingError: UNAVAILABLE: too many are in.
        """
        with self._lock:
            self._check()
            self._inside += 1

    def check(self) -> None:
        """Raise as `enter` does, without counting a request in."""
        with self._lock:
            self._check()

    def count_in(self) -> None:
        """Count a request in whatever there is already."""
        with self._lock:
            self._inside += 1

    def leave(self) -> None:
        """Count a request out."""
        with self._lock:
            self._inside -= 1

    def took(self, seconds: float) -> None:
        """Learn how long a request occupied a thread."""
        with self._lock:
            self._average += _WEIGHT * (seconds - self._average)

    def _check(self) -> None:
        waiting = self._inside - self._threads
        if self._inside >= self._most or self._average * waiting > self._patience * self._threads:
            raise ServingError(
                Code.UNAVAILABLE, f"The server is busy: {max(0, waiting)} requests wait. Try again later."
            )

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Learn how long the block takes."""
        started = monotonic()
        try:
            yield
        finally:
            self.took(monotonic() - started)
