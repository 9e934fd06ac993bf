"""Where a sweep keeps what: one folder, on a path that its trials see too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SweepFolder:
    """The folder of one sweep; nothing here needs to exist.

    Attributes:
        path: The folder; its name is the sweep's.
    """

    path: Path

    @property
    def name(self) -> str:
        """Return the sweep's name."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """Return the file that everything is written to as it happens."""
        return self.path / "journal.jsonl"

    @property
    def lock(self) -> Path:
        """Return the file that the controller keeps locked."""
        return self.path / "lock"

    @property
    def control(self) -> Path:
        """Return the folder of the requests to the controller."""
        return self.path / "control"

    @property
    def report(self) -> Path:
        """Return the page for people."""
        return self.path / "report.html"

    def trial(self, number: int, attempt: int) -> Path:
        """Return the folder of one run of a trial."""
        return self.path / "trials" / f"{number:04d}-{attempt}"


def run_name(sweep: str, number: int, attempt: int) -> str:
    """Return the name of one run of a trial: that of its process or Job."""
    return f"{sweep}-{number:04d}-{attempt}"


def parse_run_name(sweep: str, name: str) -> tuple[int, int] | None:
    """Return the trial and the attempt that a run is of; None when it is not of this sweep."""
    number, dash, attempt = name.removeprefix(f"{sweep}-").partition("-")
    if not (name.startswith(f"{sweep}-") and dash and number.isdecimal() and attempt.isdecimal()):
        return None
    return int(number), int(attempt)
