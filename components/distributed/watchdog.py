"""A thread that ends this replica when it makes no progress, is told to end, or is an orphan."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from components.distributed import heartbeat
from components.distributed.exits import LOST_PEER, TERMINATED

_PERIOD = 1.0


class Watchdog:
    """Watches one replica.

    Args:
        name: The replica's name.
        peers: Names of all replicas, for the message.
        signs: Folder of the signs of life.
        start_timeout: Seconds without progress until the first step.
        step_timeout: Seconds without progress afterwards; infinite for a replica that only serves others.
        clock: Seconds, never going back.
        end: Ends the process with a code; the interpreter cannot be asked, its main thread hangs.
    """

    def __init__(
        self,
        name: str,
        peers: list[str],
        signs: Path,
        start_timeout: float,
        step_timeout: float,
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._name, self._peers, self._signs = name, peers, signs
        self._allowed, self._step_timeout = start_timeout, step_timeout
        self._clock, self._end = clock, end
        self._parent = os.getppid()
        self._last = clock(), "starting"

    def start(self) -> None:
        """Watch in the background from now on; SIGTERM ends the process at once, with 143.

        Call it before TensorFlow starts threads: they inherit that SIGTERM is left to this one.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=self._forever, daemon=True, name="watchdog").start()
        threading.Thread(target=self._await_termination, daemon=True, name="termination").start()

    def progress(self, what: str) -> None:
        """Note that `what` has been done; a call says that training has begun."""
        self._allowed = self._step_timeout
        self._last = self._clock(), what

    def check(self) -> None:
        """Give a sign of life, and end the process if it hangs or its parent is gone."""
        heartbeat.touch(self._signs / self._name)
        last, what = self._last
        waited = self._clock() - last
        if waited > self._allowed:
            self._say(f"no progress for {waited:.0f} s, the last was: {what}.{self._suspects()}")
            self._end(LOST_PEER)
        elif os.getppid() != self._parent:
            self._say("the process that started this one is gone; ending.")
            self._end(TERMINATED)

    def _suspects(self) -> str:
        limit = min(self._allowed, 10.0)
        silent = heartbeat.silent(self._signs, self._peers, limit)
        missing = [name for name in self._peers if heartbeat.age(self._signs / name) is None]
        told = [f" Silent: {', '.join(silent)}."] if silent else []
        told += [f" Never started: {', '.join(missing)}."] if missing else []
        return "".join([*told, " Ending, to be started again."])

    def _forever(self) -> None:
        while True:
            self.check()
            time.sleep(_PERIOD)

    def _await_termination(self) -> None:
        signal.sigwait({signal.SIGTERM})
        self._say("terminated.")
        self._end(TERMINATED)

    def _say(self, text: str) -> None:
        print(f"{self._name}: {text}", file=sys.stderr, flush=True)
