"""Which sweep a step goes on with: its own unfinished one, or a new one.

A step that was cut off is started again, by its pod's owner or by a person in a new run, and takes up the
sweep where it was. One that is to run although its sweep has ended gets a new sweep, unless it is this very
run that had ended it and was cut off before it could say so.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

from hparam.folder import SweepFolder
from hparam.journal import read_journal

_RUNS = "runs"


def next_name(sweeps: Path, base: str, run: str) -> str:
    """Return the name of the sweep that a run goes on with or begins: `base`, or `base-2` and so on.

    Args:
        sweeps: The folder of all sweeps.
        base: A name that follows from what is swept.
        run: The run's id.
    """
    names = (base if number == 1 else f"{base}-{number}" for number in count(1))
    return next(name for name in names if _open_to(SweepFolder(sweeps / name), run))


def join(folder: SweepFolder, run: str) -> None:
    """Write down that a run works on a sweep; a second time changes nothing."""
    folder.path.mkdir(parents=True, exist_ok=True)
    if run not in _runs(folder):
        with (folder.path / _RUNS).open("a", encoding="utf-8") as file:
            file.write(f"{run}\n")


def _open_to(folder: SweepFolder, run: str) -> bool:
    if not folder.journal.is_file() or run in _runs(folder):
        return True
    # One that could start no trial goes on by itself.
    return read_journal(folder.journal).ended in ("", "error")


def _runs(folder: SweepFolder) -> list[str]:
    path = folder.path / _RUNS
    return path.read_text(encoding="utf-8").split() if path.is_file() else []
