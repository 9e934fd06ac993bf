from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.serving.errors import Code, ServingError
from components.serving.limits import Admission

LONG = 3600.0


def refused(admission: Admission) -> ServingError:
    with pytest.raises(ServingError) as caught:
        admission.enter()
    return caught.value


def test_request_beyond_the_queue_is_refused_and_the_next_is_not():
    admission = Admission(threads=2, most_queued=1, patience_seconds=LONG)
    for _ in range(3):
        admission.enter()
    error = refused(admission)
    assert (error.code, error.http_status) == (Code.UNAVAILABLE, 503)
    assert error.message == "The server is busy: 1 requests wait. Try again later."
    admission.leave()
    admission.enter()


def test_request_that_would_wait_too_long_is_refused_although_the_queue_has_room():
    admission = Admission(threads=1, most_queued=100, patience_seconds=5.0)
    for _ in range(100):
        admission.took(2.0)
    for _ in range(4):
        admission.enter()
    assert refused(admission).code is Code.UNAVAILABLE
    for _ in range(100):
        admission.took(0.1)
    admission.enter()


def test_idle_server_admits_whatever_requests_took():
    admission = Admission(threads=1, most_queued=1, patience_seconds=0.1)
    with admission.timed():
        pass
    admission.took(1000.0)
    with admission.admitted():
        assert admission.inside == 1
    assert admission.inside == 0


def test_request_that_fails_is_counted_out():
    admission = Admission(threads=1, most_queued=0, patience_seconds=LONG)
    with pytest.raises(OSError), admission.admitted():
        raise OSError
    assert admission.inside == 0


def test_many_threads_never_get_more_than_the_limit_in():
    admission = Admission(threads=2, most_queued=1, patience_seconds=LONG)
    most, refusals, lock = [0], [0], threading.Lock()

    def ask(_: int) -> None:
        try:
            with admission.admitted(), lock:
                most[0] = max(most[0], admission.inside)
        except ServingError:
            with lock:
                refusals[0] += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(2000)))
    assert most[0] <= 3
    assert admission.inside == 0
