"""Say what became of versions: states for callers, events for terminals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from .errors import Code


class State(IntEnum):
    """Where a version is in its life, numbered as in TensorFlow Serving's API."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version.

    Attributes:
        version: The version number.
        state: END with a `code` other than OK means that it could not be loaded.
        code: Why it is not served.
        message: The same in words; empty when all is well.
    """

    version: int
    state: State
    code: Code = Code.OK
    message: str = ""

    @property
    def failed(self) -> bool:
        """Return whether it ended because it could not be loaded."""
        return self.state is State.END and self.code is not Code.OK


@dataclass(frozen=True)
class Event:
    """One thing that happened to the server; `str(event)` is a line for a terminal.

    Attributes:
        kind: What happened.
        model: The model it happened to; empty when it is about the whole server.
        version: The version it happened to.
        detail: Seconds, addresses or the reason, ready to print.
    """

    kind: Literal[
        "waiting", "loaded", "unloaded", "failed", "missing", "ignored", "listening", "stopping", "stopped"
    ]
    model: str = ""
    version: int = 0
    detail: str = ""

    def __str__(self) -> str:
        version = f" version {self.version}" if self.version or self.kind != "waiting" else ""
        subject = f"{self.model}{version}" if self.model else ""
        return " ".join(part for part in (self.kind, subject, self.detail) if part)
