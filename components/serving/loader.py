"""Make a servable of a version's folder: verify it, see that it fits, load it, try again when that fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import LodestarError

from .errors import Code, ServingError
from .memory import Memory

if TYPE_CHECKING:
    from .servable import Servable


class Loader:
    """Load versions; may be called from several threads at once.

    Args:
        verify: Raises LodestarError for a version that must not be served; not tried again.
        load: Makes a servable of a version's folder.
        memory: Says whether a version fits.
        retries: How often to try again after a failure.
        retry_seconds: Pause before each further attempt.
    """

    def __init__(
        self,
        verify: Callable[[Path], None],
        load: Callable[[Path], Servable],
        memory: Memory,
        *,
        retries: int = 0,
        retry_seconds: float = 0.0,
    ) -> None:
        self._verify = verify
        self._load = load
        self._memory = memory
        self._retries = retries
        self._retry_seconds = retry_seconds

    def __call__(self, model: str, version: int, path: Path, cancelled: threading.Event) -> Servable:
        """Return the servable of one version.

        Args:
            model: The model's name.
            version: The version number.
            path: The version's folder.
            cancelled: Ends the wait between two attempts.

        Raises:
            LodestarError: The version is refused.
            Exception: Whatever the last attempt failed with.
        """
        self._verify(path)
        attempts = max(0, self._retries) + 1
        for attempt in range(1, attempts + 1):
            try:
                with self._memory.reserved(model, version, path):
                    return self._load(path)
            except LodestarError:
                raise
            # A broken model can fail in any way; some ways are over when it is tried again.
            except Exception:
                if attempt == attempts:
                    raise
                if cancelled.wait(self._retry_seconds):
                    raise ServingError(
                        Code.CANCELLED, f"Loading {model} version {version} was given up."
                    ) from None
        raise AssertionError("unreachable")
