"""The actions of `lodestar sweep` on journals on disk, with and without a controller."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hparam.control import FolderControl
from hparam.folder import SweepFolder
from hparam.journal import Journal, read_journal
from hparam.lock import FileLock
from pipelines.cli import main

from .conftest import film_spec, ran

GOOD = ran(0, "succeeded", step=9, value=0.9, metrics={})
BAD = ran(0, "failed", reason="error", message="It broke.", log=["Traceback", "boom"])
ENDED = {"event": "ended", "reason": "trials", "message": "All trials have ended"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LODESTAR_HOME", str(tmp_path))
    return tmp_path


def sweep(home: Path, *events: dict[str, Any], name: str = "films", at: float = 1000.0) -> SweepFolder:
    folder = SweepFolder(home / "sweeps" / name)
    seconds = iter(range(1000))
    journal = Journal.create(folder, film_spec(name), lambda: at + next(seconds))
    for event in events:
        journal.append(**event)
    return folder


@pytest.fixture
def controlled(home: Path) -> Iterator[SweepFolder]:
    """Return a sweep with a trial that runs, and somebody who holds its lock."""
    folder = sweep(home, *GOOD, *ran(1))
    lock = FileLock(folder.lock)
    lock.acquire()
    yield folder
    lock.release()


def requests(folder: SweepFolder) -> list[dict[str, Any]]:
    return [dict(change) for change in FolderControl(folder.control).take()]


def test_list_shows_the_newest_sweep_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(home, *GOOD, ENDED, name="old")
    sweep(home, name="new", at=2000.0)
    assert main(["sweep", "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[:4] for row in rows] == [
        ["new", "matrix-factorization", "waiting", "0/5"],
        ["old", "matrix-factorization", "done", "1/5"],
    ]
    assert main(["sweep", "list", "-o", "json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["new", "old"]


def test_list_of_nothing_says_how_to_begin(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "list"]) == 0
    assert "lodestar sweep FAMILY" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("events", "code", "state"),
    [([], 3, "waiting"), ([*GOOD, ENDED], 0, "done"), ([*BAD, ENDED], 1, "failed")],
)
def test_status_ends_with_the_code_of_the_sweep(
    home: Path, capsys: pytest.CaptureFixture[str], events: list, code: int, state: str
) -> None:
    sweep(home, *events)
    assert main(["sweep", "status", "films", "-o", "json"]) == code
    assert json.loads(capsys.readouterr().out)["state"] == state
    assert main(["sweep", "status", "films"]) == code


def test_status_shows_values_of_running_trials(
    controlled: SweepFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = controlled.trial(1, 0)
    folder.mkdir(parents=True)
    (folder / "values.jsonl").write_text('{"step": 3, "value": 1.25}\n{"step": 4, "val')
    assert main(["sweep", "status", "films"]) == 3
    [line] = [line for line in capsys.readouterr().out.splitlines() if "running" in line and "1.25" in line]
    assert line.split()[:4] == ["1", "running", "1.25", "3"]


def test_unknown_sweep_is_told_with_the_nearest_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(home)
    assert main(["sweep", "status", "flims"]) == 2
    assert "Did you mean `films`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (["pause", "films"], {"paused": True}),
        (["resume", "films"], {"paused": False}),
        (["stop", "films"], {"stopping": True}),
        (["stop", "films", "--drain"], {"draining": True}),
        (["retry", "films", "0"], {"retry": 0}),
        (["set", "films", "--trials", "60"], {"trials": 60}),
        (["set", "films", "--trials", "60", "--parallel", "2"], {"trials": 60, "parallel": 2}),
    ],
)
def test_requests_reach_the_controller(
    controlled: SweepFolder, capsys: pytest.CaptureFixture[str], words: list[str], change: dict[str, Any]
) -> None:
    assert main(["sweep", *words]) == 0
    assert "next" in capsys.readouterr().out
    assert requests(controlled) == [change]


def test_resume_takes_back_what_holds_a_sweep_up(home: Path) -> None:
    folder = sweep(home, {"event": "changed", "paused": True})
    lock = FileLock(folder.lock)
    lock.acquire()
    assert main(["sweep", "resume", "films"]) == 0
    lock.release()
    assert requests(folder) == [{"paused": False}]


def test_set_and_retry_wait_for_the_next_controller(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sweep(home, *BAD, ENDED)
    assert main(["sweep", "set", "films", "--trials", "9"]) == 0
    assert main(["sweep", "retry", "films", "0"]) == 0
    assert capsys.readouterr().out.count("`lodestar sweep resume films`") == 2
    assert requests(folder) == [{"trials": 9}, {"retry": 0}]


def test_resume_goes_on_with_a_sweep_that_ended_because_nothing_could_be_started(home: Path) -> None:
    done = [record for trial in range(5) for record in ran(trial, "succeeded", step=1, value=0.9, metrics={})]
    folder = sweep(home, *done, {"event": "ended", "reason": "error", "message": "The account may not."})
    assert main(["sweep", "resume", "films"]) == 0
    assert read_journal(folder.journal).ended == "trials"


@pytest.mark.parametrize(
    ("events", "words", "message"),
    [
        ([ENDED], ["pause", "films"], "has ended"),
        ([ENDED], ["stop", "films"], "has ended"),
        ([ENDED], ["resume", "films"], "sweep set films --trials"),
        ([], ["pause", "films"], "no controller"),
        (BAD, ["retry", "films", "7"], "from 0 to 0"),
        (BAD, ["retry", "films", "-1"], "There is no trial -1"),
        ([], ["retry", "films", "0"], "There is no trial 0"),
        (ran(0), ["retry", "films", "0"], "has not ended"),
        ([], ["set", "films"], "Nothing is there to set"),
        ([], ["set", "films", "--parallel", "0"], "--parallel 0"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str], events: list, words: list[str], message: str
) -> None:
    folder = sweep(home, *events)
    assert main(["sweep", *words]) == 2
    assert message in capsys.readouterr().err
    assert requests(folder) == []


def test_best_prints_the_command_that_trains_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(home, *GOOD)
    assert main(["sweep", "best", "films"]) == 0
    out = capsys.readouterr().out
    assert "rmse 0.9 (trial 0)" in out
    assert "lodestar run matrix-factorization --set train.learning_rate=0.0123456" in out
    assert main(["sweep", "best", "films", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["params"] == {"train.learning_rate": 0.0123456}


def test_best_of_nothing_is_a_failure(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep(home, *BAD)
    assert main(["sweep", "best", "films"]) == 1
    assert "lodestar sweep status films" in capsys.readouterr().err


def test_report_is_written_where_it_says(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sweep(home, *GOOD)
    assert main(["sweep", "report", "films", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(folder.report)
    assert "<svg" in folder.report.read_text(encoding="utf-8")


def test_damaged_journal_is_told_with_its_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sweep(home, *GOOD)
    lines = folder.journal.read_text().splitlines(keepends=True)
    folder.journal.write_text("".join([lines[0], "{torn\n", *lines[2:]]))
    assert main(["sweep", "status", "films"]) == 1
    assert f"{folder.journal}:2:" in capsys.readouterr().err
