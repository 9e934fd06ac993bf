"""Follow a training to its end, whatever its replicas run on."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

from components.distributed.exits import TERMINATED
from components.distributed.request import Request
from components.errors import LodestarError

Say = Callable[[str], None]


@dataclass(frozen=True)
class State:
    """How a training stands.

    Attributes:
        done: The chief has succeeded.
        failed: Replica that ended for good and its exit code, or what else has failed; empty while it runs.
        restarts: Replicas started again so far.
        waiting: What it waits for, in words; empty when it runs.
    """

    done: bool = False
    failed: str = ""
    restarts: int = 0
    waiting: str = ""


class Launcher(Protocol):
    """Starts replicas somewhere.

    Attributes:
        names: Of all replicas.
        period: Seconds between two looks.
    """

    names: list[str]
    period: float

    def start(self) -> None:
        """Start all replicas, or find those that an earlier attempt of this step started."""

    def poll(self) -> State:
        """Return how they stand; logs are streamed and ended replicas started again on the way."""

    def stop(self) -> None:
        """End what still runs; a second call does nothing."""


def follow(
    launcher: Launcher,
    request: Request,
    newest: Callable[[], str | None],
    say: Say,
) -> None:
    """Start the replicas and wait until the chief is done.

    However this ends, SIGTERM included, nothing is left running.

    Args:
        launcher: Where they run.
        request: What they are to do.
        newest: Names the newest backup; when it changes, training has moved on.
        say: Prints a line.

    Raises:
        LodestarError: A replica gave up, with its reason; or they were started again too often in vain.
        InputError: The reason is in data or settings.
    """
    with _ended_by_sigterm():
        try:
            launcher.start()
            _until_done(launcher, request, newest, say)
        finally:
            launcher.stop()


def _until_done(launcher: Launcher, request: Request, newest: Callable[[], str | None], say: Say) -> None:
    waiting, backup, before = "", newest(), 0
    while True:
        state = launcher.poll()
        if state.done:
            return
        if state.failed:
            raise _reason(launcher.names, request, state.failed)
        if state.waiting != waiting:
            waiting = state.waiting
            say(waiting or "running")
        if newest() != backup:
            backup, before = newest(), state.restarts
        if state.restarts - before > request.compute.max_restarts:
            raise LodestarError(
                f"Replicas were started again {state.restarts - before} times without a new checkpoint.",
                cure="The log says why they end; a slow start needs more compute.start_timeout_seconds.",
            )
        time.sleep(launcher.period)


def _reason(names: list[str], request: Request, failed: str) -> LodestarError:
    told = (request.read_failure(name) for name in names)
    said = next((error for error in told if error is not None), None)
    return said or LodestarError(f"Training failed: {failed}.", cure="The log has the replicas' last words.")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    # Only the main thread may set handlers; elsewhere whoever runs this step handles the signal.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
