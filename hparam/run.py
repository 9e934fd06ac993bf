"""Run the controller of a sweep in this process."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from components.family import find_family
from hparam.control import Control
from hparam.controller import Controller
from hparam.executors import Executor
from hparam.folder import SweepFolder
from hparam.journal import Clock, Journal
from hparam.lock import Lock
from hparam.proposer import Proposer
from hparam.space import Space
from hparam.trials import Sweep


def run_sweep(
    folder: SweepFolder,
    executor: Executor,
    lock: Lock,
    controls: Sequence[Control],
    observe: Callable[[Sweep], None],
    clock: Clock = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Sweep:
    """Run a sweep that has a journal to its end, from wherever it stands.

    On SIGTERM or SIGINT it returns before the end: trials go on, and the next controller finds them. A second
    signal acts as it would without this. An ended sweep is returned as it is, unless a request gives it more
    to do.

    Args:
        folder: The sweep's.
        executor: Where its trials run; closed at the end.
        lock: Taken at first and given back at the end.
        controls: Where requests arrive.
        observe: Called with the sweep as it was found, and after every record.
        clock: Unix time.
        sleep: Waits for seconds.

    Raises:
        LodestarError: Another controller is at work or has taken over, the journal is damaged or cannot be
            written, or no trial can be started.
        InputError: The sweep has no journal, or its space or family is not as it was.
    """
    try:
        lock.acquire()
        journal = Journal.open(folder, clock)
        spec = journal.sweep.spec
        space = Space.parse(spec.space, find_family(spec.family), spec.settings)
        with Proposer(space, spec.optimizer, spec.seed) as proposer, _interruption() as interrupted:
            controller = Controller(
                folder=folder,
                journal=journal,
                executor=executor,
                space=space,
                proposer=proposer,
                lock=lock,
                controls=controls,
                observe=observe,
                clock=clock,
                sleep=sleep,
                interrupted=interrupted,
                name=f"{socket.gethostname()}:{os.getpid()}",
            )
            return controller.run()
    finally:
        executor.close()
        lock.release()


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        restore()

    for number in before:
        signal.signal(number, ask)
    try:
        yield asked.is_set
    finally:
        restore()
