"""Controllers of sweeps that are killed, and controllers that meet; trials are real processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hparam.folder import SweepFolder
from hparam.journal import Journal, read_journal
from hparam.spec import OptimizerSettings
from hparam.trials import Sweep, TrialState
from tests.sweep_processes import REFUSED
from tests.sweeps import spec_of

TRIALS = 20


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.sweep_processes", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def output_of(*arguments: object) -> str:
    process = start(*arguments)
    said, _ = process.communicate(timeout=400)
    assert process.returncode == 0
    return said


def new_sweep(home: Path) -> SweepFolder:
    folder = SweepFolder(home / "films")
    # Points of a surrogate, too: they depend on all that has been found out before.
    optimizer = OptimizerSettings(initial=14)
    Journal.create(folder, spec_of(trials=TRIALS, parallel=4, optimizer=optimizer), time.time)
    return folder


def outcome(sweep: Sweep) -> list[tuple[object, ...]]:
    return [(t.params, t.proposer, t.state, t.attempt, t.value, t.step, t.metrics) for t in sweep.trials]


def story(folder: SweepFolder) -> list[tuple[object, ...]]:
    """Return the journal's records but for their times, and for who wrote them."""
    records = map(json.loads, folder.journal.read_text().splitlines())
    return [(r["event"], r.get("trial"), r.get("attempt")) for r in records if r["event"] != "opened"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """Return a sweep whose controller nobody disturbed."""
    folder = new_sweep(tmp_path_factory.mktemp("whole"))
    output_of("whole", folder.path)
    return folder


@pytest.fixture(scope="module")
def whole(undisturbed: SweepFolder) -> Sweep:
    sweep = read_journal(undisturbed.journal)
    assert [trial.state for trial in sweep.trials] == [TrialState.SUCCEEDED] * TRIALS
    assert [t.proposer["strategy"] for t in sweep.trials].count("gp") == TRIALS - 14
    return sweep


def test_sweep_whose_controller_is_killed_after_every_record_and_launch_comes_to_the_same(
    undisturbed, whole, tmp_path
):
    folder = new_sweep(tmp_path)
    controllers = int(output_of("killed", folder.path))
    # Each trial is proposed, launched, started and recorded by four controllers; one more ends the sweep.
    assert controllers == 4 * TRIALS + 1
    sweep = read_journal(folder.journal)
    assert outcome(sweep) == outcome(whole)
    assert story(folder) == story(undisturbed)
    assert (sweep.best.number, sweep.ended) == (whole.best.number, "trials")
    began = [path.read_text() for path in sorted(folder.path.glob("trials/*/began"))]
    assert began == ["x"] * TRIALS


def test_next_controller_goes_on_while_trials_of_a_killed_one_run(whole, tmp_path):
    folder = new_sweep(tmp_path)
    first = start("whole", folder.path)
    while len(folder.journal.read_text().splitlines()) < 20:
        time.sleep(0.01)
    first.kill()
    first.communicate()
    assert read_journal(folder.journal).in_state(TrialState.RUNNING)
    output_of("whole", folder.path)
    assert outcome(read_journal(folder.journal)) == outcome(whole)


def test_terminated_controller_leaves_its_trials_running_for_the_next(whole, tmp_path):
    folder = new_sweep(tmp_path)
    first = start("whole", folder.path)
    while not read_journal(folder.journal).in_state(TrialState.RUNNING):
        time.sleep(0.01)
    first.terminate()
    first.communicate(timeout=20)
    assert first.returncode == 0
    assert not read_journal(folder.journal).ended
    output_of("whole", folder.path)
    assert outcome(read_journal(folder.journal)) == outcome(whole)


def test_of_two_controllers_one_is_refused_and_nothing_is_started_twice(tmp_path):
    races = json.loads(output_of("races", tmp_path, 100))
    assert races == [{"codes": [REFUSED, 0], "began": ["x", "x"], "ended": "trials"}] * 100
