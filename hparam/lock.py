"""One controller at a time: what it holds while it works."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from typing import Protocol

from components.errors import LodestarError

_TRIES, _PAUSE_SECONDS = 5, 0.02


class Lock(Protocol):
    """Held by the only controller that may write a sweep's journal and start its trials."""

    def acquire(self) -> None:
        """Take it.

        Raises:
            LodestarError: Another controller has it; the message names that.
        """

    def release(self) -> None:
        """Give it back; does nothing when it is not held."""

    @property
    def held(self) -> bool:
        """Return whether it is still this controller's; a lease may have been lost."""


class FileLock:
    """A lock on a file, which ends with the process that holds it, however that ends.

    Args:
        path: The file; made if need be, and left there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LodestarError: Another controller has it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not _lock(file):
            os.close(file)
            raise LodestarError(
                f"Another controller is at work on this sweep: {_holder(self._path)}.",
                source=str(self._path),
                cure="Follow it with `lodestar sweep status NAME --watch`, or end that process first.",
            )
        self._file = file
        os.truncate(file, 0)
        os.pwrite(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @property
    def held(self) -> bool:
        """Return whether it has been acquired."""
        return self._file is not None


def is_locked(path: Path) -> bool:
    """Return whether somebody holds the lock at `path`: a sweep's controller, or a run."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _lock(file: int) -> bool:
    # Who only looks whether it is locked has it for microseconds.
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False


def _holder(path: Path) -> str:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return f"process {said['pid']} on {said['host']}"
    except (OSError, ValueError, KeyError):
        return "a process that has just begun"
