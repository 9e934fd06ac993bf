"""Signs of life: one file per replica, touched every second, on storage that the others see."""

from __future__ import annotations

import os
import time
from pathlib import Path


def touch(path: Path) -> None:
    """Give a sign of life now; storage that is full or away for a moment does no harm."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path)
    except OSError:
        pass


def age(path: Path) -> float | None:
    """Return the seconds since the last sign of life; None when there was none yet."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return None


def silent(folder: Path, names: list[str], seconds: float) -> list[str]:
    """Return which of the replicas `names` lived and have been silent for `seconds`."""
    ages = {name: age(folder / name) for name in names}
    return [name for name, last in ages.items() if last is not None and last > seconds]
