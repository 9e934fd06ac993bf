from __future__ import annotations

from pathlib import Path

import pytest

from hparam.folder import SweepFolder, parse_run_name, run_name


def test_everything_of_a_sweep_is_in_its_folder() -> None:
    folder = SweepFolder(Path("/home/sweeps/films-2"))
    assert folder.name == "films-2"
    assert folder.trial(7, 1) == Path("/home/sweeps/films-2/trials/0007-1")
    assert {folder.journal.parent, folder.lock.parent, folder.control.parent, folder.report.parent} == {
        folder.path
    }


def test_run_is_named_after_its_trial_and_attempt() -> None:
    assert run_name("films-2", 7, 1) == "films-2-0007-1"
    assert parse_run_name("films-2", "films-2-0007-1") == (7, 1)
    assert parse_run_name("films-2", run_name("films-2", 12345, 0)) == (12345, 0)


@pytest.mark.parametrize(
    "name", ["films-0007-1", "films-2-0007", "films-2-x-1", "films-2", "films-20007-1", ""]
)
def test_other_names_are_no_runs_of_the_sweep(name) -> None:
    assert parse_run_name("films-2", name) is None
