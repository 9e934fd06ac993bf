"""Waiting for ML Metadata."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ml_metadata import errors

from components.errors import LodestarError
from pipelines.kubeflow.failure import MetadataUnavailable
from pipelines.kubeflow.patience import Patience


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.pauses = 0.0, []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = iter(range(times))

    def call() -> str:
        if next(left, None) is None:
            return "answer"
        raise error

    return call


def patience(clock: Clock, said: list[str], wait_s: float = 60) -> Patience:
    return Patience("MLMD", "Then resume.", wait_s, clock.sleep, lambda: clock.now, said.append)


def test_answer_is_waited_for_with_growing_pauses() -> None:
    clock, said, again = Clock(), [], []
    waiting = patience(clock, said)
    away = errors.UnavailableError("connection refused.\nmore")
    assert waiting.run(failing(7, away), lambda: again.append(1)) == "answer"
    assert clock.pauses == [0.5, 1, 2, 4, 8, 15, 15]
    assert len(again) == len(said) == 7
    assert said[0] == "MLMD does not answer (connection refused); next try in 0.5 s, last in 60 s"
    assert waiting.seconds == sum(clock.pauses)


def test_wait_is_bounded_and_says_how_to_go_on() -> None:
    clock, said = Clock(), []
    with pytest.raises(MetadataUnavailable) as caught:
        patience(clock, said, wait_s=10).run(failing(99, errors.UnavailableError("refused")), lambda: None)
    assert str(caught.value) == "MLMD has not answered for 10 s: refused.\n  Then resume."
    assert clock.now == pytest.approx(10)


def test_time_is_counted_anew_after_a_success() -> None:
    clock, said = Clock(), []
    waiting = patience(clock, said, wait_s=4)
    for _ in range(3):
        assert waiting.run(failing(3, errors.DeadlineExceededError("slow")), lambda: None) == "answer"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mysql_real_connect failed: errno: , error: "),
        errors.InternalError("MySQL query failed: errno: 2006, error: server has gone away"),
        errors.InternalError("Received RST_STREAM with error code 2"),
        errors.UnknownError("Stream removed"),
    ],
)
def test_connection_that_broke_is_tried_again(error: Exception) -> None:
    assert patience(Clock(), []).run(failing(1, error), lambda: None) == "answer"


@pytest.mark.parametrize(
    "error",
    [errors.NotFoundError("no type"), errors.InternalError("errno: 1064, syntax"), RuntimeError("other")],
)
def test_other_errors_are_raised_at_once(error: Exception) -> None:
    clock = Clock()
    with pytest.raises(type(error)):
        patience(clock, []).run(failing(1, error), lambda: None)
    assert clock.pauses == []
    assert not isinstance(error, LodestarError)
