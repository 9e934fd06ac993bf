"""Where sweeps are: the home of this machine, or a cluster; both are read and steered in the same way."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

from components.errors import InputError
from components.home import Home
from hparam.control import request
from hparam.folder import SweepFolder
from hparam.journal import read_journal
from hparam.lock import is_locked
from hparam.outcome import read_values
from hparam.snapshot import snapshot
from pipelines.sweeps.status import Snapshot
from pipelines.sweeps.view import Progress


@dataclass(frozen=True)
class Seen:
    """A sweep at one moment.

    Attributes:
        snapshot: See `hparam.snapshot`.
        controlled: Whether a controller is at work.
    """

    snapshot: Snapshot
    controlled: bool


class Place(Protocol):
    """Knows the sweeps that are somewhere."""

    def names(self) -> list[str]:
        """Return the names of all sweeps."""

    def read(self, name: str) -> Seen:
        """Return how far a sweep is.

        Raises:
            InputError: There is none of that name.
        """

    def send(self, name: str, change: Mapping[str, Any]) -> None:
        """Leave a request for the sweep's controller.

        Raises:
            InputError: There is none of that name.
        """

    def progress(self, name: str) -> Progress:
        """Return what looks up how far the sweep's running trials are."""


def place_of(arguments: argparse.Namespace) -> Place:
    """Return the place that `--on` and its companions name."""
    if arguments.on == "cluster":
        from pipelines.sweeps.cluster import OnCluster  # It loads the Kubernetes client.

        return OnCluster.of(arguments.overlay)
    return Here(Home.find())


class Here:
    """The sweeps in this machine's home.

    Args:
        home: Where they are kept.
    """

    def __init__(self, home: Home) -> None:
        self._root = home.sweeps

    def folder(self, name: str) -> SweepFolder:
        """Return the folder of a sweep.

        Raises:
            InputError: There is none of that name.
        """
        names = self.names()
        if name not in names:
            raise unknown_sweep(name, names)
        return SweepFolder(self._root / name)

    def names(self) -> list[str]:
        """Return the names of all sweeps."""
        return sorted(path.parent.name for path in self._root.glob("*/journal.jsonl"))

    def read(self, name: str) -> Seen:
        """Return how far a sweep is."""
        folder = self.folder(name)
        # Looked at before the journal: who has just ended it has written its end before.
        controlled = is_locked(folder.lock)
        return Seen(snapshot(read_journal(folder.journal)), controlled)

    def send(self, name: str, change: Mapping[str, Any]) -> None:
        """Leave a request for the sweep's controller, also for the next one."""
        request(self.folder(name).control, change)

    def progress(self, name: str) -> Progress:
        """Return what looks up the newest value that a running trial has reported."""
        folder = self.folder(name)

        def newest(trial: int, attempt: int) -> tuple[int, float] | None:
            values = read_values(folder.trial(trial, attempt))
            return values[-1] if values else None

        return newest


def unknown_sweep(name: str, names: list[str]) -> InputError:
    """Return the error that there is no such sweep."""
    near = get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"Did you mean `{near[0]}`?" if near else ""
    known = f"There are {', '.join(names)}." if names else "`lodestar sweep FAMILY` starts one."
    return InputError(f"There is no sweep `{name}`.", cure=f"{hint} {known}".strip())
