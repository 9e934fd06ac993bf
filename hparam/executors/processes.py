"""Trials as processes of this machine; they outlive the controller that started them.

What is kept in a run's folder:

    run.lock      locked as long as anything of the run lives
    process.json  its process group, written before the command starts
    exit.json     the command's exit code
    log.txt       what it printed
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from components.errors import LodestarError
from hparam.executors import Observed, Phase
from hparam.executors.shim import EXIT, LOG, PROCESS
from hparam.lock import is_locked

TRIAL = (sys.executable, "-u", "-W", "ignore", "-m", "hparam.trial")
LINES = 20
_LOCK = "run.lock"
_CODE = Path(__file__).parents[2]
_SHIM = Path(__file__).with_name("shim.py")
_GRACE_SECONDS = 5.0
_TAIL_BYTES = 16 * 1024
# Signals that come from outside, as exit codes of a process and of a shell.
_KILLED = {-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGKILL, 128 + signal.SIGTERM}


class ProcessExecutor:
    """Runs each trial in a session of its own.

    A small process stays beside every trial and keeps its exit code, so that a controller that was killed
    finds each run as it is: running, or ended with this code. A run that ended without one was killed.

    Args:
        folder: The sweep's folder; runs are in its `trials`.
        sweep: The sweep's name.
        command: What runs; the path of the run's `request.json` is added.
        parallel: How many trials share the cores.
    """

    def __init__(self, folder: Path, sweep: str, command: Sequence[str] = TRIAL, parallel: int = 1) -> None:
        self._trials = Path(folder, "trials").absolute()
        self._sweep = sweep
        self._command = tuple(command)
        self._threads = str(max(1, (os.cpu_count() or 1) // parallel))
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: dict[str, Observed] = {}

    def launch(self, name: str, folder: Path) -> None:
        """Start a run; one of that name that is there already, ended or not, is adopted.

        Raises:
            LodestarError: There can be no more processes, or nothing can be written.
        """
        folder = Path(folder).absolute()
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if _locked(lock) and not (folder / PROCESS).exists():
                    self._started[name] = self._start(folder, lock)
            finally:
                os.close(lock)
        except OSError as error:
            raise LodestarError(
                f"Cannot start {name}: {error}.", cure="Free processes or disk, then resume the sweep."
            ) from None

    def observe(self) -> Mapping[str, Observed]:
        """Return every run of this sweep by name; ended ones stay known."""
        found: dict[str, Observed] = {}
        folders = sorted(self._trials.iterdir()) if self._trials.is_dir() else []
        for folder in folders:
            name = f"{self._sweep}-{folder.name}"
            if name not in self._ended:
                seen = self._look(name, folder)
                if seen is None:
                    continue
                if seen.ended:
                    self._ended[name] = seen
                    self._reap(name)
                found[name] = seen
            else:
                found[name] = self._ended[name]
        return found

    def stop(self, name: str) -> None:
        """End a run, by SIGKILL if SIGTERM does not within 5 seconds, and forget it; its log stays."""
        folder = self._trials / name.removeprefix(f"{self._sweep}-")
        end = time.monotonic() + _GRACE_SECONDS
        number: signal.Signals | None = signal.SIGTERM
        # The lock also says that the process group is still this run's: its number is not in use again.
        while is_locked(folder / _LOCK):
            group = _read(folder / PROCESS).get("group")
            if group is not None and number is not None:
                _signal(int(group), number)
                number = None
            if time.monotonic() > end:
                number, end = signal.SIGKILL, time.monotonic() + _GRACE_SECONDS
            time.sleep(0.01)
        for kept in (PROCESS, EXIT):
            (folder / kept).unlink(missing_ok=True)
        self._ended.pop(name, None)
        self._reap(name)

    def close(self) -> None:
        """Keep nothing; runs go on."""
        for name in list(self._started):
            self._reap(name, wait=False)

    def _start(self, folder: Path, lock: int) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(_CODE), *filter(None, [os.environ.get("PYTHONPATH")])])
        shared = {"TF_NUM_INTRAOP_THREADS": self._threads, "OMP_NUM_THREADS": self._threads}
        shim = [sys.executable, "-I", "-S", str(_SHIM), str(folder), str(lock)]
        return subprocess.Popen(  # noqa: S603
            [*shim, *self._command, str(folder / "request.json")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**shared, **os.environ, "PYTHONPATH": path},
            pass_fds=(lock,),
            start_new_session=True,
        )

    def _look(self, name: str, folder: Path) -> Observed | None:
        if not (folder / EXIT).exists() and is_locked(folder / _LOCK):
            return Observed(Phase.RUNNING)
        # Looked at after the lock: a run that ends in between has its exit code by now.
        code = _read(folder / EXIT).get("code")
        if code is not None:
            return _of(int(code), folder)
        if name in self._started or (folder / PROCESS).exists():
            message = "the process was killed with the one that watches it, or the machine went down"
            return Observed(Phase.FAULT, "killed", message, last_lines(folder / LOG))
        return None

    def _reap(self, name: str, wait: bool = True) -> None:
        process = self._started.pop(name, None)
        if process is None:
            return
        if wait:
            process.wait()
        # Somebody else's from now on: without this, Python would warn of a process still running.
        process.returncode = process.poll() or 0


def last_lines(path: Path, count: int = LINES) -> tuple[str, ...]:
    """Return the last lines of a log; none when there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ()
    return tuple(text.splitlines()[-count:])


def _of(code: int, folder: Path) -> Observed:
    if code == 0:
        return Observed(Phase.SUCCEEDED)
    log = last_lines(folder / LOG)
    if code in _KILLED:
        name = signal.Signals(-code if code < 0 else code - 128).name
        return Observed(Phase.FAULT, "killed", f"the process was killed by {name}", log)
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
    return Observed(Phase.FAILED, how, f"the process ended with {how}", log)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
