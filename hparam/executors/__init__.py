"""Where trials run: the interface that every executor keeps, held to it by `tests/contract/executors.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol


class Phase(str, Enum):
    """How far a run of a trial is.

    `FAULT` is the infrastructure's: the run was evicted, preempted, killed, or its image cannot be pulled.
    """

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAULT = "fault"


@dataclass(frozen=True)
class Observed:
    """What is known of one run.

    Attributes:
        phase: How far it is.
        reason: Of a fault in a word: `oom`, `killed`, `evicted`, `image`, `gone`; of a failure `exit 1`.
        message: The same, or what it waits for, in a line for people.
        log: The last 20 lines that it wrote, of one that failed.
    """

    phase: Phase
    reason: str = ""
    message: str = ""
    log: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Return whether nothing more will happen."""
        return self.phase not in (Phase.WAITING, Phase.RUNNING)


class Executor(Protocol):
    """Starts runs of trials, finds those that an earlier controller started, and ends them.

    A run is named `<sweep>-<trial:04d>-<attempt>`. Its folder has `request.json` before it is launched; what
    it reports it writes there.
    """

    def launch(self, name: str, folder: Path) -> None:
        """Start a run; one of that name that is there already, ended or not, is adopted.

        Raises:
            LodestarError: No run can be started by this controller: a missing right, a broken template. The
                sweep ends with it.
        """

    def observe(self) -> Mapping[str, Observed]:
        """Return every run of this sweep that is known here, by name; ended ones stay known."""

    def stop(self, name: str) -> None:
        """End a run and forget it; does nothing when there is none of that name."""

    def close(self) -> None:
        """Release what this controller holds; runs go on."""
