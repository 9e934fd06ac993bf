"""Trials as local processes: the suite of all executors, and what only processes have to keep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hparam.executors import Phase
from hparam.executors.processes import ProcessExecutor
from hparam.executors.shim import PROCESS
from tests.contract.executors import COMMAND, MARK, WAIT, ExecutorContract, Place, Runs

STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT


class Processes:
    """Runs below a temporary folder."""

    patience = 20.0
    sweep = "demo"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trials = folder / "trials"

    def executor(self, sweep: str = "") -> ProcessExecutor:
        # Each sweep has its own folder.
        folder = self.folder.with_name(sweep) if sweep else self.folder
        return ProcessExecutor(folder, sweep or self.sweep, (sys.executable, "-c", COMMAND), parallel=1000)

    def group(self, name: str) -> int:
        content = (self.trials / name.removeprefix("demo-") / PROCESS).read_text()
        return int(json.loads(content)["group"])

    def kill(self, name: str) -> None:
        [child] = Path(f"/proc/{self.group(name)}/task/{self.group(name)}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)


class TestProcesses(ExecutorContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        place = Processes(tmp_path / "demo")
        yield place
        executor = place.executor()
        for name in executor.observe():
            executor.stop(name)

    def test_a_run_outlives_a_controller_that_is_killed(self, runs: Runs, place: Processes) -> None:
        name = runs.prepare(0, WAIT)
        controller = f"""
import os, pathlib
from hparam.executors.processes import ProcessExecutor
command = ({sys.executable!r}, "-c", {COMMAND!r})
executor = ProcessExecutor(pathlib.Path({str(place.folder)!r}), "demo", command)
executor.launch({name!r}, pathlib.Path({str(runs.folder(0))!r}))
os.killpg(0, 9)
"""
        done = subprocess.run([sys.executable, "-c", controller], start_new_session=True, check=False)
        assert done.returncode == -signal.SIGKILL
        assert runs.executor.observe()[name].phase is Phase.RUNNING
        runs.executor.launch(name, runs.folder(0))
        (runs.folder(0) / "go").touch()
        assert runs.end(name).phase is Phase.SUCCEEDED
        assert runs.began(0) == 1

    def test_of_eight_launches_at_once_one_starts_the_run(self, runs: Runs, place: Processes) -> None:
        name = runs.prepare(0, WAIT)
        executors = [place.executor() for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda executor: executor.launch(name, runs.folder(0)), executors))
        runs.until_began(0)
        (runs.folder(0) / "go").touch()
        assert runs.end(name).phase is Phase.SUCCEEDED
        assert runs.began(0) == 1

    def test_a_run_killed_with_all_that_watches_it_is_a_fault(self, runs: Runs, place: Processes) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        os.killpg(place.group(name), signal.SIGKILL)
        seen = runs.end(name)
        assert (seen.phase, seen.reason) == (Phase.FAULT, "killed")
        assert place.executor().observe()[name] == seen

    def test_an_ended_run_is_not_started_again_by_a_controller_that_finds_it_killed(
        self, runs: Runs, place: Processes
    ) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        place.kill(name)
        runs.end(name)
        executor = place.executor()
        executor.launch(name, runs.folder(0))
        assert executor.observe()[name].phase is Phase.FAULT
        assert runs.began(0) == 1

    def test_stop_kills_a_run_that_ignores_sigterm(self, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("hparam.executors.processes._GRACE_SECONDS", 0.2)
        name = runs.launch(0, STUBBORN)
        runs.until_began(0)
        runs.executor.stop(name)
        assert runs.executor.observe() == {}

    def test_a_crash_of_native_code_is_the_trials_failure(self, runs: Runs) -> None:
        seen = runs.end(runs.launch(0, "import os\nos.abort()"))
        assert (seen.phase, seen.reason) == (Phase.FAILED, "signal SIGABRT")

    def test_a_command_that_cannot_be_started_has_failed_and_says_why(
        self, runs: Runs, place: Processes
    ) -> None:
        runs.executor = ProcessExecutor(place.folder, "demo", ("/nowhere/python",))
        seen = runs.end(runs.launch(0, MARK))
        assert (seen.phase, seen.reason) == (Phase.FAILED, "exit 127")
        assert "/nowhere/python" in seen.log[-1]

    def test_trials_share_the_cores(
        self, runs: Runs, place: Processes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: 8)
        command = (sys.executable, "-c", COMMAND)
        runs.executor = ProcessExecutor(place.folder, "demo", command, parallel=3)
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
        name = runs.launch(0, f"import os\nfor v in {names}: print(os.environ[v])\nraise SystemExit(1)")
        assert runs.end(name).log == ("2", "2")
