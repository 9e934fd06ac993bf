from __future__ import annotations

from pathlib import Path

import pytest

from hparam.folder import SweepFolder
from hparam.journal import Journal
from hparam.succession import join, next_name
from tests.sweeps import spec_of


def begun(sweeps: Path, name: str, ended: str = "") -> SweepFolder:
    folder = SweepFolder(sweeps / name)
    journal = Journal.create(folder, spec_of(name=name), lambda: 1.0)
    if ended:
        journal.append("ended", reason=ended, message="")
    return folder


def test_first_run_begins_a_sweep(tmp_path: Path) -> None:
    assert next_name(tmp_path, "films", "monday") == "films"


@pytest.mark.parametrize("ended", ["", "error"])
def test_later_run_goes_on_with_a_sweep_that_was_cut_off(tmp_path: Path, ended: str) -> None:
    join(begun(tmp_path, "films", ended), "monday")
    assert next_name(tmp_path, "films", "tuesday") == "films"


def test_later_run_begins_a_new_sweep_where_one_has_ended(tmp_path: Path) -> None:
    join(begun(tmp_path, "films", "failures"), "monday")
    assert next_name(tmp_path, "films", "tuesday") == "films-2"
    join(begun(tmp_path, "films-2", "trials"), "tuesday")
    assert next_name(tmp_path, "films", "wednesday") == "films-3"


def test_run_that_was_cut_off_after_the_end_of_its_sweep_takes_its_result(tmp_path: Path) -> None:
    folder = begun(tmp_path, "films", "trials")
    for run in ("monday", "tuesday", "tuesday"):
        join(folder, run)
    assert next_name(tmp_path, "films", "monday") == next_name(tmp_path, "films", "tuesday") == "films"
