"""What every executor of trials keeps; a back end subclasses the suite and overrides the fixture `place`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from hparam.executors import Executor, Observed, Phase

# What a run does is in its request, as Python; `folder` is the run's.
COMMAND = """
import json, pathlib, sys
request = pathlib.Path(sys.argv[1])
exec(json.loads(request.read_text())["do"], {"folder": request.parent})
"""
MARK = "open(folder / 'began', 'a').write('x')\n"
WAIT = MARK + "import time\nwhile not (folder / 'go').exists(): time.sleep(.01)\n"


class Place(Protocol):
    """Where an executor under test starts its runs.

    Attributes:
        patience: Seconds that anything may take.
        trials: The folder of the runs.
        sweep: The sweep's name.
    """

    patience: float
    trials: Path
    sweep: str

    def executor(self, sweep: str = "") -> Executor:
        """Return a fresh executor, as another controller would make it."""

    def kill(self, name: str) -> None:
        """Kill a running run, as if for want of memory."""


class Runs:
    """Prepares, launches and awaits runs at a place."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.executor = place.executor()

    def folder(self, number: int) -> Path:
        return self.place.trials / f"{number:04d}-0"

    def name(self, number: int) -> str:
        return f"{self.place.sweep}-{number:04d}-0"

    def prepare(self, number: int, do: str) -> str:
        folder = self.folder(number)
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        (folder / "request.json").write_text(json.dumps({"do": do}))
        return self.name(number)

    def launch(self, number: int, do: str) -> str:
        name = self.prepare(number, do)
        self.executor.launch(name, self.folder(number))
        return name

    def until(self, look: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + self.place.patience
        while not look():
            assert time.monotonic() < end, f"{what} did not happen: {self.executor.observe()}"
            time.sleep(0.02)

    def began(self, number: int) -> int:
        path = self.folder(number) / "began"
        return len(path.read_text()) if path.exists() else 0

    def until_began(self, number: int) -> None:
        self.until(lambda: self.began(number) > 0, f"the beginning of run {number}")

    def end(self, name: str) -> Observed:
        self.until(
            lambda: name in (seen := self.executor.observe()) and seen[name].ended, f"the end of {name}"
        )
        return self.executor.observe()[name]


class ExecutorContract:
    """The suite."""

    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    @pytest.fixture
    def runs(self, place: Place) -> Runs:
        return Runs(place)

    def test_a_run_that_ends_with_0_has_succeeded_and_what_it_wrote_is_in_its_folder(
        self, runs: Runs
    ) -> None:
        name = runs.launch(0, "(folder / 'result.json').write_text('{}')")
        assert runs.end(name) == Observed(Phase.SUCCEEDED)
        assert (runs.folder(0) / "result.json").read_text() == "{}"

    def test_a_run_that_gives_up_has_failed_with_its_exit_code_and_last_20_lines(self, runs: Runs) -> None:
        name = runs.launch(0, "for n in range(30): print('line', n)\nraise SystemExit(3)")
        seen = runs.end(name)
        assert (seen.phase, seen.reason) == (Phase.FAILED, "exit 3")
        assert seen.log == tuple(f"line {n}" for n in range(10, 30))

    def test_a_run_is_known_from_its_launch_on_and_runs_until_it_ends(self, runs: Runs) -> None:
        name = runs.launch(0, WAIT)
        assert not runs.executor.observe()[name].ended
        runs.until_began(0)
        runs.until(lambda: runs.executor.observe()[name].phase is Phase.RUNNING, "running")
        (runs.folder(0) / "go").touch()
        assert runs.end(name).phase is Phase.SUCCEEDED

    def test_a_second_launch_adopts_the_run_whether_it_runs_or_has_ended(self, runs: Runs) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        runs.executor.launch(name, runs.folder(0))
        (runs.folder(0) / "go").touch()
        runs.end(name)
        runs.executor.launch(name, runs.folder(0))
        assert runs.end(name).phase is Phase.SUCCEEDED
        assert runs.began(0) == 1

    def test_another_controller_finds_all_runs_as_they_are_and_starts_none_again(self, runs: Runs) -> None:
        names = [runs.launch(0, MARK), runs.launch(1, MARK + "raise SystemExit(1)"), runs.launch(2, WAIT)]
        runs.end(names[0]), runs.end(names[1]), runs.until_began(2)
        before = runs.executor.observe()
        runs.executor.close()
        runs.executor = runs.place.executor()
        assert runs.executor.observe() == before
        for number, name in enumerate(names):
            runs.executor.launch(name, runs.folder(number))
        (runs.folder(2) / "go").touch()
        assert [runs.end(name).phase for name in names] == [Phase.SUCCEEDED, Phase.FAILED, Phase.SUCCEEDED]
        assert [runs.began(number) for number in range(3)] == [1, 1, 1]

    def test_a_run_that_is_killed_from_outside_is_a_fault_of_the_infrastructure(self, runs: Runs) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        runs.place.kill(name)
        seen = runs.end(name)
        assert seen.phase is Phase.FAULT
        assert seen.reason in ("killed", "oom", "gone")
        assert seen.message

    def test_a_stopped_run_is_ended_and_forgotten_and_its_name_is_free(self, runs: Runs) -> None:
        name = runs.launch(0, WAIT)
        runs.until_began(0)
        runs.executor.stop(name)
        runs.until(lambda: name not in runs.executor.observe(), "forgetting")
        runs.executor.stop(name)
        assert name not in runs.place.executor().observe()
        (runs.folder(0) / "go").touch()
        runs.executor.launch(name, runs.folder(0))
        assert runs.end(name).phase is Phase.SUCCEEDED
        assert runs.began(0) == 2

    def test_stopping_what_was_never_launched_does_nothing(self, runs: Runs) -> None:
        runs.executor.stop(runs.name(7))
        assert runs.executor.observe() == {}

    def test_runs_of_another_sweep_are_none_of_its_business(self, runs: Runs) -> None:
        runs.launch(0, WAIT)
        runs.until_began(0)
        other = runs.place.executor(sweep="another")
        assert runs.name(0) not in other.observe()

    def test_several_runs_at_a_time_are_told_apart(self, runs: Runs) -> None:
        names = [runs.launch(number, f"raise SystemExit({number})") for number in range(4)]
        assert [runs.end(name).reason for name in names] == ["", "exit 1", "exit 2", "exit 3"]
