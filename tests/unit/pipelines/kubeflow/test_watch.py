from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest

from pipelines.kubeflow.connection import Unreachable
from pipelines.kubeflow.watch import step_line, watch
from pipelines.status import State, Status
from pipelines.terminal import NodeLines

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
AWAY = Unreachable("`h` does not answer: refused.", cure="Check it.")


def run(state: State, *steps: tuple[str, State, str]) -> Status:
    parts = tuple(Status("step", name, at, started=START, finished=START, why=why) for name, at, why in steps)
    return Status("run", "r", state, parts=parts)


def replay(*readings: Status | Unreachable) -> Callable[[], Status]:
    left = iter(readings)

    def read() -> Status:
        reading = next(left)
        if isinstance(reading, Unreachable):
            raise reading
        return reading

    return read


def seen(*readings: Status | Unreachable) -> tuple[Status, list[str]]:
    stream = io.StringIO()
    ended = watch(replay(*readings), NodeLines(stream), sleep=lambda _: None)
    return ended, [" ".join(line.split()) for line in stream.getvalue().splitlines()]


def test_every_step_that_ends_is_told_once() -> None:
    running = run(State.RUNNING, ("Ingest", State.DONE, ""), ("Trainer", State.RUNNING, ""))
    ended, lines = seen(
        run(State.RUNNING, ("Ingest", State.RUNNING, ""), ("Trainer", State.WAITING, "")),
        running,
        running,
        run(State.FAILED, ("Ingest", State.DONE, ""), ("Trainer", State.FAILED, "loss is NaN")),
    )
    assert ended.state is State.FAILED
    assert lines == ["Ingest done 0.0 s", "Trainer failed 0.0 s loss is NaN"]


def test_reason_why_a_step_is_pending_is_told_whenever_it_changes() -> None:
    _, lines = seen(
        run(State.PENDING, ("Trainer", State.PENDING, "waiting for quota: q")),
        run(State.PENDING, ("Trainer", State.PENDING, "waiting for quota: q")),
        run(State.PENDING, ("Trainer", State.PENDING, "no node fits: 0/1")),
        run(State.DONE, ("Trainer", State.DONE, "")),
    )
    assert [line.partition(" s ")[2] for line in lines] == ["waiting for quota: q", "no node fits: 0/1", ""]


def test_cluster_that_is_away_for_a_while_does_not_end_the_watch() -> None:
    ended, _ = seen(AWAY, AWAY, run(State.RUNNING), AWAY, run(State.DONE))
    assert ended.state is State.DONE


def test_cluster_that_stays_away_ends_the_watch_after_five_minutes() -> None:
    slept: list[float] = []

    def read() -> Status:
        raise AWAY

    with pytest.raises(Unreachable):
        watch(read, NodeLines(io.StringIO()), sleep=slept.append)
    assert sum(slept) == pytest.approx(300, abs=5)


def test_last_lines_of_a_failure_are_below_the_step() -> None:
    step = Status("step", "Trainer", State.FAILED, "trainer", START, START + timedelta(seconds=5), "a\nb")
    assert step_line(step, START).splitlines() == ["  Trainer          failed        5.0 s", "    a", "    b"]
