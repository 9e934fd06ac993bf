"""The one status model: runs and their steps, sweeps and their trials, deployments and their versions.

A state is either final or not, and states have an order: the state of a whole is the greatest state of its
parts. States that are not final come last, so a whole is final only when every part is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import total_ordering
from typing import Any, Literal

Kind = Literal["run", "step", "sweep", "trial", "deployment", "version"]


@total_ordering
class State(Enum):
    """How far something is; declared in the order in which a part decides the state of its whole."""

    SKIPPED = "skipped"
    REUSED = "reused"
    DONE = "done"
    CANCELED = "canceled"
    FAILED = "failed"
    WAITING = "waiting"
    PAUSED = "paused"
    PENDING = "pending"
    RUNNING = "running"
    CANCELING = "canceling"

    @property
    def final(self) -> bool:
        """Tell whether nothing more will happen."""
        return self < State.WAITING

    @property
    def good(self) -> bool:
        """Tell whether it ended as it should."""
        return self in (State.SKIPPED, State.REUSED, State.DONE)

    def __lt__(self, other: State) -> bool:
        return _RANK[self] < _RANK[other]


_RANK = {state: rank for rank, state in enumerate(State)}


@dataclass(frozen=True)
class Status:
    """The state of one thing at one moment.

    Attributes:
        kind: What it is.
        name: The name that people use for it.
        state: How far it is.
        id: The name that the system uses for it; empty when that is `name`.
        started: When it started (aware); None when it has not.
        finished: When it ended (aware); None when it has not.
        why: What it waits for, or the last lines of what failed; may have several lines.
        made: What it made, in a few words; empty when that is not known.
        parts: Steps of a run, trials of a sweep, versions of a deployment.
    """

    kind: Kind
    name: str
    state: State
    id: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    why: str = ""
    parts: tuple[Status, ...] = ()
    made: str = ""

    def seconds(self, now: datetime) -> float | None:
        """Return the wall time in seconds, so far when it is not finished; None before the start."""
        if self.started is None:
            return None
        return max(0.0, ((self.finished or now) - self.started).total_seconds())

    @property
    def exit_code(self) -> int:
        """Return 0 when it ended well, 1 when it did not, 3 when it has not ended."""
        if not self.state.final:
            return 3
        return 0 if self.state.good else 1

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return it as JSON values; times are ISO 8601, durations seconds."""
        seconds = self.seconds(now)
        return {
            "kind": self.kind,
            "name": self.name,
            "id": self.id,
            "state": self.state.value,
            "started": self.started and self.started.isoformat(),
            "finished": self.finished and self.finished.isoformat(),
            "seconds": None if seconds is None else round(seconds, 1),
            "why": self.why,
            "made": self.made,
            "parts": [part.as_json(now) for part in self.parts],
        }


def roll_up(states: Iterable[State]) -> State:
    """Return the state of a whole with parts in these states; a whole without parts waits."""
    return max(states, default=State.WAITING)
