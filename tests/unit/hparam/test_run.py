from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from components.errors import InputError, LodestarError
from hparam.executors import Observed
from hparam.folder import SweepFolder
from hparam.journal import Journal
from hparam.lock import FileLock, is_locked
from hparam.request import TrialRequest
from hparam.run import run_sweep
from hparam.trials import Sweep
from tests.sweeps import RUNNING, Runs, spec_of


def ignore(sweep: Sweep) -> None:
    """Look away."""


def stay(asked: TrialRequest, folder: Path) -> Observed:
    return RUNNING


class Closing(Runs):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def new_sweep(home: Path, **changes: object) -> SweepFolder:
    folder = SweepFolder(home / "films")
    Journal.create(folder, spec_of(**changes), time.time)
    return folder


def test_sweep_runs_to_its_end_and_everything_is_given_back(tmp_path) -> None:
    folder, runs = new_sweep(tmp_path), Closing()
    sweep = run_sweep(folder, runs, FileLock(folder.lock), [], ignore)
    assert sweep.ended == "trials" and runs.closed == 1 and not is_locked(folder.lock)


def test_sweep_can_run_outside_of_the_main_thread(tmp_path) -> None:
    folder, found = new_sweep(tmp_path), []
    thread = threading.Thread(
        target=lambda: found.append(run_sweep(folder, Runs(), FileLock(folder.lock), [], ignore))
    )
    thread.start()
    thread.join(30)
    assert found[0].ended == "trials"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_controller_but_not_its_trials(tmp_path, number) -> None:
    folder, runs = new_sweep(tmp_path), Closing(stay)
    before = signal.getsignal(number)
    sweep = run_sweep(
        folder, runs, FileLock(folder.lock), [], ignore, sleep=lambda _: os.kill(os.getpid(), number)
    )
    assert not sweep.ended and runs.stopped == [] and runs.closed == 1
    assert not is_locked(folder.lock) and signal.getsignal(number) is before


def test_second_signal_acts_as_it_would_without_a_sweep(tmp_path) -> None:
    folder = new_sweep(tmp_path)

    def interrupt_twice(asked: TrialRequest, run: Path) -> Observed:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return RUNNING

    # Workers that run tests in parallel ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_sweep(folder, Runs(interrupt_twice), FileLock(folder.lock), [], ignore)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not is_locked(folder.lock)


def test_second_controller_writes_nothing(tmp_path) -> None:
    folder = new_sweep(tmp_path)
    first = FileLock(folder.lock)
    first.acquire()
    before, runs = folder.journal.read_bytes(), Closing()
    with pytest.raises(LodestarError, match="Another controller"):
        run_sweep(folder, runs, FileLock(folder.lock), [], ignore)
    assert folder.journal.read_bytes() == before and runs.launched == [] and runs.closed == 1
    assert is_locked(folder.lock)
    first.release()


def test_space_that_the_family_no_longer_accepts_is_an_error_before_anything_starts(tmp_path) -> None:
    folder, runs = new_sweep(tmp_path, space={"train": {"learning_rat": {"uniform": [0, 1]}}}), Closing()
    with pytest.raises(InputError, match="learning_rat"):
        run_sweep(folder, runs, FileLock(folder.lock), [], ignore)
    assert runs.launched == [] and not is_locked(folder.lock)
