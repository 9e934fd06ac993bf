"""Keep the noise of TensorFlow, Beam and TFX out of the terminal: it goes to a log file."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def hush() -> None:
    """Silence what TensorFlow and its companions print when they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")


@contextmanager
def noise_to(log: Path) -> Iterator[TextIO]:
    """Send everything that this process prints to `log`, and yield the terminal.

    C++ libraries write to the file descriptors, so these are redirected, not Python's streams.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    hush()
    sys.stdout.flush()
    sys.stderr.flush()
    terminal, errors = os.dup(1), os.dup(2)
    with log.open("ab") as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
    try:
        with os.fdopen(os.dup(terminal), "w", encoding="utf-8") as stream:
            yield stream
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(terminal, 1)
        os.dup2(errors, 2)
        os.close(terminal)
        os.close(errors)
