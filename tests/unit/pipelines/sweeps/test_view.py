from __future__ import annotations

import io

import pytest
from rich.console import Console

from hparam.snapshot import snapshot
from pipelines.sweeps.view import headline, live_view, row

from .conftest import ran, seen, told

GOOD = ran(0, "succeeded", step=9, value=0.9, metrics={})


def drawn(events: list, rows: int = 20, now: float = 1010.0, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(live_view(seen(*events), now, rows, lambda trial, attempt: (4, 0.95)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_headline_counts_ended_trials_and_names_the_best() -> None:
    events = [*GOOD, *ran(1, "lost", reason="oom", message="", log=[]), *ran(2)]
    line = headline(seen(*events))
    # The lost one is tried again.
    assert line.startswith("films: 1 of 5 trials  1 running, 1 succeeded, 1 lost  best rmse 0.9 (trial 0)")
    assert "no result yet" in headline(seen())


def test_headline_counts_trials_that_a_snapshot_leaves_out() -> None:
    events = [
        event for number in range(4) for event in ran(number, "succeeded", step=1, value=1.0, metrics={})
    ]
    assert headline(snapshot(told(*events), limit=2)).startswith("films: 4 of 5 trials")


def test_running_trials_show_their_newest_value_and_their_time() -> None:
    [trial] = seen(*ran(0))["trials"]
    cells = row(trial, None, 1012.5, lambda number, attempt: (4, 0.951234567))
    assert cells == ("0", "running", "0.951235", "4", "10", "learning_rate=0.01235")
    assert row(trial, None, 1012.5, lambda number, attempt: None)[2:4] == ("", "")


def test_live_view_has_a_row_for_every_trial_and_marks_the_best() -> None:
    picture = drawn([*GOOD, *ran(1)])
    assert "0.9 *" in picture
    assert "0.95" in picture
    assert len(picture.splitlines()) == 4


def test_live_view_fits_into_the_terminal() -> None:
    events = [
        event
        for number in range(30)
        for event in ran(number, "succeeded", step=1, value=1.0 + number, metrics={})
    ]
    picture = drawn([*events, *ran(30)], rows=4, width=60)
    lines = picture.splitlines()
    assert len(lines) == 6 or len(lines) == 7  # The headline may take two lines.
    numbers = [line.split()[0] for line in lines[-4:]]
    # What runs, the best, and the newest.
    assert numbers == ["0", "28", "29", "30"]


def test_a_narrow_terminal_cuts_off_the_point_and_nothing_else() -> None:
    stopped = ran(0, "stopped", step=123, value=0.9123456, reason="median", message="")
    last = drawn(stopped, width=60).splitlines()[-1]
    assert last.split()[:6] == ["0", "stopped", "(median)", "0.912346", "123", "1"]
    assert "learning_r" in last and "0.01235" not in last


@pytest.mark.parametrize("limit", [3, 150])
def test_snapshot_keeps_what_runs_and_the_newest(limit: int) -> None:
    events = [*ran(0)]
    for number in range(1, 6):
        events += ran(number, "failed", reason="error", message="x" * 5000, log=[])
    kept = snapshot(told(*events), limit=limit)
    assert [trial["trial"] for trial in kept["trials"]] == ([0, 4, 5] if limit == 3 else [0, 1, 2, 3, 4, 5])
    assert kept["counts"]["failed"] == 5
    assert len(kept["trials"][-1]["message"]) < 500
