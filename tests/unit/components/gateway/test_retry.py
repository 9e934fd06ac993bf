from __future__ import annotations

import grpc
import pytest

from components.gateway.retry import Budget, Retry


class Failed(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__()
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code


class Clock:
    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def run(codes, seconds=10.0, budget=None, attempts=4):
    clock, told, left = Clock(), [], []
    retry = Retry(attempts, 0.1, draw=lambda: 1.0, sleep=clock.sleep, clock=clock)
    outcomes = iter(codes)

    def call(remaining: float) -> str:
        left.append(remaining)
        code = next(outcomes)
        if code is not None:
            raise Failed(code)
        return "answer"

    try:
        answer = retry.call(call, seconds, budget or Budget(), lambda: told.append(1))
    except Failed as error:
        answer = error.code()
    return answer, len(told), clock.slept, left


DOWN, BAD = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT


def test_unavailable_replica_is_followed_by_another_after_a_growing_pause():
    answer, retries, slept, _ = run([DOWN, DOWN, None])
    assert (answer, retries, slept) == ("answer", 2, [0.1, 0.2])


def test_call_that_a_replica_drops_as_it_ends_is_repeated():
    assert run([grpc.StatusCode.CANCELLED, None])[:2] == ("answer", 1)


def test_time_left_shrinks_with_each_attempt():
    *_, left = run([DOWN, DOWN, None])
    assert left == pytest.approx([10.0, 9.9, 9.7])


@pytest.mark.parametrize("code", [BAD, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_what_another_replica_would_not_do_better_is_not_repeated(code):
    assert run([code, None])[:2] == (code, 0)


def test_last_attempt_decides():
    assert run([DOWN] * 9)[:2] == (DOWN, 3)


def test_no_attempt_begins_after_the_deadline():
    answer, retries, slept, _ = run([DOWN, DOWN, None], seconds=0.25)
    assert (answer, retries, slept) == (DOWN, 1, [0.1])


def test_server_that_is_down_for_all_is_soon_asked_once_per_call():
    budget = Budget(tokens=10)
    assert [run([DOWN] * 9, budget=budget)[1] for _ in range(4)] == [3, 0, 0, 0]
    for _ in range(100):
        run([None], budget=budget)
    assert run([DOWN] * 9, budget=budget)[1] == 3
