"""How soon a sweep goes on after `kill -9` of its controller.

    python -m tests.benchmarks.bench_sweeps_resume

A controller of 20 trials, 4 at a time, is killed when the journal has 20 records, and another is started. It
is on its way when it has written that it is there and what follows: from the start of the process, imports
and reconciliation with the trials that still run included. Beside it, Optuna loads a study of as many trials
from its own journal and asks for the next.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hparam.folder import SweepFolder
from hparam.journal import Journal
from hparam.spec import OptimizerSettings
from pipelines.terminal import print_table
from tests.sweeps import spec_of

RUNS, TRIALS, RECORDS, TARGET = 5, 20, 20, 2.0
MAKE = """
import sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(study_name="s", storage=JournalStorage(JournalFileBackend(sys.argv[1])))
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=int(sys.argv[2]))
"""
LOAD = """
import sys, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
study = optuna.load_study(study_name="s", storage=JournalStorage(JournalFileBackend(sys.argv[1])))
study.ask().suggest_float("x", 0, 1)
"""


def records(folder: SweepFolder) -> int:
    """Return how many records the journal has."""
    return len(folder.journal.read_text(encoding="utf-8").splitlines())


def controller(folder: SweepFolder) -> subprocess.Popen[bytes]:
    """Start a controller."""
    command = [sys.executable, "-m", "tests.sweep_processes", "whole", str(folder.path)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def resumed(home: Path) -> float:
    """Return the seconds until a second controller is on its way."""
    folder = SweepFolder(home / "films")
    spec = spec_of(trials=TRIALS, parallel=4, optimizer=OptimizerSettings(initial=14))
    Journal.create(folder, spec, time.time)
    first = controller(folder)
    while records(folder) < RECORDS:
        time.sleep(0.005)
    first.kill()
    first.wait()
    before = records(folder)
    began = time.monotonic()
    second = controller(folder)
    while records(folder) < before + 2:
        time.sleep(0.005)
    took = time.monotonic() - began
    second.wait()
    return took


def loaded(home: Path) -> float:
    """Return the seconds in which Optuna loads its study and asks."""
    journal = str(home / "optuna.log")
    subprocess.run([sys.executable, "-W", "ignore", "-c", MAKE, journal, str(TRIALS)], check=True)
    began = time.monotonic()
    subprocess.run([sys.executable, "-W", "ignore", "-c", LOAD, journal], check=True)
    return time.monotonic() - began


def measure(what: Callable[[Path], float]) -> list[float]:
    """Return sorted seconds of some runs, each in a folder of its own."""
    found = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as place:
            found.append(what(Path(place)))
    return sorted(found)


def main() -> int:
    """Print the table; 1 when the median is above the target."""
    ours, peer = measure(resumed), measure(loaded)
    rows = [
        ["sweep resumed", f"{statistics.median(ours):.2f}", f"{ours[-1]:.2f}", f"<= {TARGET:g}"],
        ["Optuna, study loaded", f"{statistics.median(peer):.2f}", f"{peer[-1]:.2f}", ""],
    ]
    print_table(["what", "median, s", "worst, s", "to reach"], rows, right=("median, s", "worst, s"))
    return int(statistics.median(ours) > TARGET)


if __name__ == "__main__":
    sys.exit(main())
