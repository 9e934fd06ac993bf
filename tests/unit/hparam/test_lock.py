from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from components.errors import LodestarError
from hparam.lock import FileLock, is_locked

HOLD = """
import sys, pathlib
from hparam.lock import FileLock
FileLock(pathlib.Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "films" / "lock"


def test_second_controller_is_refused_and_told_who_is_first(path) -> None:
    first = FileLock(path)
    first.acquire()
    with pytest.raises(LodestarError, match=f"process {os.getpid()} on "):
        FileLock(path).acquire()
    first.release()
    FileLock(path).acquire()


def test_lock_is_held_from_acquire_to_release(path) -> None:
    lock = FileLock(path)
    states = [(lock.held, is_locked(path))]
    lock.acquire()
    states.append((lock.held, is_locked(path)))
    lock.release()
    lock.release()
    states.append((lock.held, is_locked(path)))
    assert states == [(False, False), (True, True), (False, False)]


def test_lock_ends_with_a_killed_process(path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(LodestarError, match=f"process {holder.pid} on "):
        FileLock(path).acquire()
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    FileLock(path).acquire()


def test_looks_do_not_keep_a_controller_from_starting(path) -> None:
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.0005):
            is_locked(path)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(50):
            lock = FileLock(path)
            lock.acquire()
            lock.release()
    finally:
        done.set()
        looker.join()
