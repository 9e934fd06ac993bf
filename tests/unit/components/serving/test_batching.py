from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.serving.batching import Run, Scheduler
from components.serving.batching_config import BatchingParameters
from components.serving.errors import Code, ServingError, invalid

LONG = 3_600_000_000


class Model:
    """Doubles its input, keeps the batches' sizes, waits while it is held, refuses 13."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.deadlines: list[float | None] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def run(self, inputs, deadline):
        self.entered.release()
        assert self.gate.wait(20)
        self.sizes.append(len(inputs["x"]))
        self.deadlines.append(deadline)
        if 13 in inputs["x"]:
            raise invalid("13 is no number")
        return {"y": 2 * inputs["x"]}


class Bench:
    """A scheduler, a model, and callers in threads."""

    def __init__(self, **parameters: object) -> None:
        self.scheduler = Scheduler(BatchingParameters(**{"num_batch_threads": 1, **parameters}))
        self.model = Model()
        self.callers = ThreadPoolExecutor(32)

    def ask(self, *values: float, key: str = "k", run: Run | None = None, deadline=None) -> Future:
        """Send one request from a thread."""
        inputs = {"x": np.array(values)}
        return self.callers.submit(self.scheduler.run, key, run or self.model.run, inputs, deadline)

    def hold(self) -> Future:
        """Keep the only batch thread busy; what is asked from now on queues up."""
        self.model.gate.clear()
        first = self.ask(0.0, key="hold")
        assert self.model.entered.acquire(timeout=20)
        return first

    def queued(self, rows: int) -> None:
        """Wait until so many rows are queued."""
        deadline = monotonic() + 20
        while monotonic() < deadline:
            with self.scheduler._lock:
                waiting = sum(batch.rows for queue in self.scheduler._queues.values() for batch in queue)
            if waiting == rows:
                return
            threading.Event().wait(0.001)
        raise AssertionError(f"{rows} rows never queued up")

    def release(self) -> None:
        self.model.gate.set()


@pytest.fixture
def made() -> Iterator[list[Bench]]:
    benches: list[Bench] = []
    yield benches
    for bench in benches:
        bench.release()
        bench.callers.shutdown()
        bench.scheduler.close()


@pytest.fixture
def bench(made):
    def make(**parameters: object) -> Bench:
        made.append(Bench(**parameters))
        return made[-1]

    return make


def answer(future: Future) -> list[float]:
    return future.result(timeout=20)["y"].tolist()


def error(future: Future) -> ServingError:
    caught = future.exception(timeout=20)
    assert isinstance(caught, ServingError)
    return caught


def test_requests_that_wait_for_a_thread_run_as_one_batch(bench):
    busy = bench()
    first = busy.hold()
    asked = [busy.ask(float(number), number + 0.5) for number in range(4)]
    busy.queued(8)
    busy.release()
    assert answer(first) == [0.0]
    assert [answer(future) for future in asked] == [[2.0 * n, 2.0 * n + 1] for n in range(4)]
    assert busy.model.sizes == [1, 8]


def test_full_batch_runs_before_its_timeout(bench):
    full = bench(max_batch_size=2, batch_timeout_micros=LONG)
    assert [answer(future) for future in (full.ask(1.0), full.ask(2.0))] == [[2.0], [4.0]]
    assert full.model.sizes == [2]


def test_batch_that_is_not_full_runs_after_its_timeout(bench):
    alone = bench(max_batch_size=2, batch_timeout_micros=1000)
    assert answer(alone.ask(1.0)) == [2.0]


def test_request_that_does_not_fit_opens_the_next_batch(bench):
    busy = bench(max_batch_size=3)
    busy.hold()
    asked = [busy.ask(1.0, 2.0)]
    busy.queued(2)
    asked.append(busy.ask(3.0, 4.0))
    busy.queued(4)
    busy.release()
    assert [answer(future) for future in asked] == [[2.0, 4.0], [6.0, 8.0]]
    assert busy.model.sizes == [1, 2, 2]


def test_signatures_do_not_mix_and_take_turns(bench):
    busy = bench(max_batch_size=1)
    busy.hold()
    order: list[str] = []

    def noting(name: str) -> Run:
        return lambda inputs, deadline: (order.append(name), {"y": inputs["x"]})[1]

    asked = []
    for number, name in enumerate(["a", "a", "b"]):
        asked.append(busy.ask(1.0, key=name, run=noting(name)))
        busy.queued(number + 1)
    busy.release()
    assert [answer(future) for future in asked] == [[1.0]] * 3
    assert order == ["a", "b", "a"]


def test_request_over_the_batch_size_is_refused(bench):
    caught = error(bench(max_batch_size=2).ask(1.0, 2.0, 3.0))
    assert (caught.code, caught.message) == (
        Code.INVALID_ARGUMENT,
        "Task size 3 is larger than maximum input batch size 2",
    )


def test_full_queue_refuses_at_once_and_recovers(bench):
    busy = bench(max_batch_size=2, max_enqueued_batches=2)
    busy.hold()
    waiting = []
    for number in range(4):
        waiting.append(busy.ask(float(number)))
        busy.queued(number + 1)
    refused = error(busy.ask(5.0))
    assert refused.code is Code.UNAVAILABLE
    assert refused.message == "The batch scheduling queue to which this task was submitted is full"
    busy.release()
    assert [answer(future) for future in waiting] == [[2.0 * number] for number in range(4)]
    assert answer(busy.ask(6.0)) == [12.0]


def test_batch_is_padded_to_an_allowed_size_and_nobody_sees_it(bench):
    padded = bench(max_batch_size=4, allowed_batch_sizes=(2, 4))
    padded.hold()
    asked = [padded.ask(1.0), padded.ask(2.0, 3.0)]
    padded.queued(3)
    padded.release()
    assert sorted(map(answer, asked)) == [[2.0], [4.0, 6.0]]
    assert padded.model.sizes == [2, 4]


def test_request_without_rows_gets_none(bench):
    empty = bench(max_batch_size=4, allowed_batch_sizes=(2, 4))
    assert answer(empty.ask()) == []


def test_refused_request_does_not_fail_those_in_its_batch(bench):
    busy = bench()
    busy.hold()
    good = [busy.ask(float(number)) for number in range(3)]
    busy.queued(3)
    bad = busy.ask(13.0)
    busy.queued(4)
    busy.release()
    assert [answer(future) for future in good] == [[0.0], [2.0], [4.0]]
    assert error(bad).message == "13 is no number"


def test_rows_of_different_shape_in_one_batch_fail_it(bench):
    busy = bench()
    busy.hold()
    shapes = [np.ones([1, 2]), np.ones([1, 3])]
    asked = [busy.callers.submit(busy.scheduler.run, "k", busy.model.run, {"x": shape}) for shape in shapes]
    busy.queued(2)
    busy.release()
    assert [error(future).code for future in asked] == [Code.FAILED_PRECONDITION] * 2


def test_deadline_that_passes_in_the_queue_ends_only_that_request(bench):
    busy = bench()
    busy.hold()
    patient = busy.ask(1.0)
    busy.queued(1)
    late = error(busy.ask(2.0, deadline=monotonic() + 0.02))
    assert late.code is Code.DEADLINE_EXCEEDED
    busy.release()
    assert answer(patient) == [2.0]
    assert busy.model.sizes == [1, 1]


def test_batch_runs_as_long_as_its_most_patient_request_waits(bench):
    busy = bench()
    busy.hold()
    soon, late = monotonic() + 500, monotonic() + 1000
    asked = [busy.ask(1.0, deadline=soon), busy.ask(2.0, deadline=late)]
    busy.queued(2)
    busy.release()
    assert sorted(map(answer, asked)) == [[2.0], [4.0]]
    assert busy.model.deadlines == [None, late]


def test_broken_model_ends_every_request_with_its_error(bench):
    def broken(inputs, deadline):
        raise OSError("no such file")

    caught = bench().ask(1.0, run=broken).exception(timeout=20)
    assert str(caught) == "no such file"


def test_closing_runs_what_is_queued(bench):
    busy = bench(batch_timeout_micros=LONG)
    waiting = busy.ask(1.0)
    busy.queued(1)
    busy.scheduler.close()
    assert answer(waiting) == [2.0]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 9), max_size=5), max_size=24),
    st.integers(5, 9),
    st.integers(1, 3),
    st.sampled_from([0, 500]),
)
def test_every_request_gets_its_own_answer_whatever_the_parameters(requests, size, threads, timeout):
    parameters = {"max_batch_size": size, "num_batch_threads": threads, "batch_timeout_micros": timeout}
    bench = Bench(**parameters, max_enqueued_batches=100)
    try:
        asked = [bench.ask(*values) for values in requests]
        assert [answer(future) for future in asked] == [
            [2 * value for value in values] for values in requests
        ]
        assert all(rows <= size for rows in bench.model.sizes)
    finally:
        bench.callers.shutdown()
        bench.scheduler.close()
