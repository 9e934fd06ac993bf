from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from hparam.snapshot import snapshot
from pipelines.sweeps.live import Watch, teller

from .conftest import ran, told

GOOD = ran(0, "succeeded", step=9, value=0.9, metrics={})
SCRIPT = """
from pipelines.sweeps.live import Watch, teller
from tests.unit.pipelines.sweeps.conftest import ran, told

with Watch(lambda trial, attempt: (3, 1.25), clock=lambda: 1010.0) as watch:
    tell = teller(watch)
    tell(told(*ran(0)))
    tell(told(*ran(0), *ran(1)))
"""


def nothing(trial: int, attempt: int) -> None:
    return None


def test_without_a_terminal_every_event_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch(nothing) as watch:
        tell = teller(watch)
        tell(told())
        tell(told(*ran(0)))
        tell(told(*GOOD))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "running" in lines[1]
    assert "rmse 0.9  best so far" in lines[2]


def test_a_look_from_outside_is_a_line_when_something_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch(nothing) as watch:
        for events in (ran(0), ran(0), GOOD):
            watch(snapshot(told(*events)))
    first, second = capsys.readouterr().out.splitlines()
    assert "1 running" in first
    assert "best rmse 0.9" in second


def test_quiet_means_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch(nothing, quiet=True) as watch:
        teller(watch)(told(*GOOD))
        watch(snapshot(told(*GOOD)))
    assert capsys.readouterr().out == ""


def test_on_a_terminal_it_is_a_table_with_the_newest_values() -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", SCRIPT], stdout=theirs, cwd=root, env=env, timeout=60)
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 1.0)[0]:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # The other end is closed.
            break
    os.close(ours)
    assert done.returncode == 0
    last = shown.decode().rpartition("films: 0 of 5 trials")[2]
    assert last.count("running") >= 2
    assert "1.25" in last
