"""Refuse to load what does not fit, so that the versions that serve are not killed for memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import Code, ServingError

# What TensorFlow Serving takes a loaded model for, by the size of its files.
_FACTOR = 1.2
_CGROUP = Path("/sys/fs/cgroup")
_PAGES = 2**60  # a limit above this is no limit


class Memory:
    """Keep count of what the versions that load right now will take.

    Args:
        limit_bytes: What the whole process may take; 0 for all that the machine or container has.
        free: Returns the bytes that the machine or container has left.
        used: Returns the bytes that this process takes.
    """

    def __init__(
        self,
        limit_bytes: int = 0,
        free: Callable[[], int] | None = None,
        used: Callable[[], int] | None = None,
    ) -> None:
        self._limit = limit_bytes
        self._free = free or free_bytes
        self._used = used or used_bytes
        self._lock = threading.Lock()
        self._reserved = 0

    @contextmanager
    def reserved(self, model: str, version: int, path: Path) -> Iterator[None]:
        """Hold the memory of a version while it loads; afterwards it shows in what the process takes.

        Raises:
            ServingError: RESOURCE_EXHAUSTED: it does not fit.
        """
        needed = estimate(path)
        with self._lock:
            if needed > self._left() - self._reserved:
                raise ServingError(
                    Code.RESOURCE_EXHAUSTED,
                    f"Insufficient resources to load servable {{name: {model} version: {version}}}",
                )
            self._reserved += needed
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= needed

    def _left(self) -> int:
        return min(self._free(), self._limit - self._used()) if self._limit else self._free()


def estimate(path: Path) -> int:
    """Return the bytes of memory that a version is taken to need."""
    return int(_FACTOR * sum(file.stat().st_size for file in path.rglob("*") if file.is_file()))


def free_bytes() -> int:
    """Return the bytes that the machine, or the container where it has less, can still give."""
    free = [_meminfo("MemAvailable")]
    limit = _number(_CGROUP / "memory.max")
    if limit is not None and limit < _PAGES:
        cache = _statistic(_CGROUP / "memory.stat", "inactive_file")
        free.append(limit - (_number(_CGROUP / "memory.current") or 0) + cache)
    return max(0, min(free))


def used_bytes() -> int:
    """Return the bytes that this process takes."""
    return _statistic(Path("/proc/self/status"), "VmRSS:") * 1024


def _meminfo(name: str) -> int:
    # Without /proc (not Linux) nothing is known, and nothing is refused.
    return _statistic(Path("/proc/meminfo"), f"{name}:") * 1024 or 2**63


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # there is no such limit
        return None


def _statistic(path: Path, name: str) -> int:
    try:
        lines = (line.split() for line in path.read_text().splitlines())
    except OSError:
        return 0
    return next((int(fields[1]) for fields in lines if fields and fields[0] == name), 0)
