"""The Lease of a sweep, on a real API server."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from components.errors import InputError, LodestarError
from hparam.executors.cluster import connect
from hparam.executors.objects import LEASE, Objects
from hparam.lease import LeaseControl, LeaseLock, lease_name, read_status, request, sweeps
from tests.cluster.conftest import eventually

RACES = 20


@pytest.fixture
def objects(namespace: str) -> Objects:
    return connect(namespace)


@pytest.fixture
def sweep(objects: Objects) -> Iterator[str]:
    name = f"demo-{secrets.token_hex(3)}"
    yield name
    # What is published here is no sweep's status, which lists of sweeps would show.
    objects.delete(LEASE, lease_name(name))


@pytest.fixture
def lock(objects: Objects, sweep: str) -> Iterator[LeaseLock]:
    lock = lock_of(objects, sweep, "one")
    lock.acquire()
    yield lock
    lock.release()


def lock_of(objects: Objects, sweep: str, holder: str, **options: Any) -> LeaseLock:
    return LeaseLock(objects, sweep, holder=holder, **{"duration": 3, "period": 0.2, **options})


def test_a_second_controller_is_refused_and_told_who_is_the_first(
    objects: Objects, sweep: str, lock: LeaseLock
) -> None:
    with pytest.raises(LodestarError, match=r"is controlled by one\."):
        lock_of(objects, sweep, "two").acquire()
    assert lock.held


def test_a_released_lease_is_free_at_once(objects: Objects, sweep: str, lock: LeaseLock) -> None:
    lock.release()
    assert not lock.held
    second = lock_of(objects, sweep, "two", duration=60)
    began = time.monotonic()
    second.acquire()
    assert time.monotonic() - began < 2
    second.release()


def test_the_lease_of_a_controller_that_died_is_taken_after_its_duration(
    objects: Objects, sweep: str
) -> None:
    dead = lock_of(objects, sweep, "dead", period=1000.0)
    dead.acquire()
    second = lock_of(objects, sweep, "two")
    began = time.monotonic()
    second.acquire()
    assert second.held and not dead.held
    assert 2.5 < time.monotonic() - began < 6
    second.release()


def test_a_controller_that_was_held_up_is_not_the_controller_any_more(objects: Objects, sweep: str) -> None:
    # It does not renew in time, so it must not write although nobody has taken the Lease.
    slow = lock_of(objects, sweep, "slow", period=1000.0)
    slow.acquire()
    eventually(lambda: not slow.held, 3, "losing the Lease")
    lease = objects.get(LEASE, lease_name(sweep))
    assert lease is not None and lease["spec"]["holderIdentity"] == "slow"


def test_a_lease_that_somebody_takes_by_force_is_lost(objects: Objects, sweep: str, lock: LeaseLock) -> None:
    def take() -> bool:
        lease = objects.get(LEASE, lease_name(sweep))
        assert lease is not None
        lease["spec"]["holderIdentity"] = "thief"
        return objects.replace(LEASE, lease) is not None

    eventually(take, 5, "taking the Lease")
    eventually(lambda: not lock.held, 2, "noticing it")
    lock.release()
    lease = objects.get(LEASE, lease_name(sweep))
    assert lease is not None and lease["spec"]["holderIdentity"] == "thief"


def test_of_controllers_that_race_for_a_lease_one_wins(objects: Objects) -> None:
    def race(sweep: str) -> int:
        start = threading.Barrier(2)
        locks = [lock_of(objects, sweep, name) for name in ("one", "two")]

        def run(lock: LeaseLock) -> bool:
            start.wait()
            try:
                lock.acquire()
            except LodestarError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            won = list(pool.map(run, locks))
        held = sum(lock.held for lock in locks)
        assert held == sum(won)
        for lock in locks:
            lock.release()
        return held

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(race, [f"race-{number}" for number in range(RACES)])) == [1] * RACES


def test_requests_reach_the_controller_once_and_in_order(
    objects: Objects, sweep: str, lock: LeaseLock
) -> None:
    control, taken = LeaseControl(lock), []
    request(objects, sweep, {"paused": True})
    request(objects, sweep, {"trials": 60})

    def look() -> bool:
        taken.extend(control.take())
        return len(taken) >= 2

    eventually(look, 5, "taking")
    time.sleep(0.5)
    assert [*taken, *control.take()] == [{"paused": True}, {"trials": 60}]


def test_requests_that_come_without_a_controller_are_the_first_that_the_next_takes(
    objects: Objects, sweep: str, lock: LeaseLock
) -> None:
    lock.release()
    request(objects, sweep, {"retry": 3})
    second = lock_of(objects, sweep, "two")
    second.acquire()
    assert LeaseControl(second).take() == [{"retry": 3}]
    second.release()


def test_request_that_a_dead_controller_had_begun_with_comes_again(
    objects: Objects, sweep: str, lock: LeaseLock
) -> None:
    lock.release()
    request(objects, sweep, {"trials": 60})
    dead = lock_of(objects, sweep, "dead", period=1000.0)
    dead.acquire()
    assert LeaseControl(dead).take() == [{"trials": 60}]
    second = lock_of(objects, sweep, "two")
    second.acquire()
    control = LeaseControl(second)
    assert control.take() == [{"trials": 60}]
    control.take()
    second.release()
    third = lock_of(objects, sweep, "three")
    third.acquire()
    assert LeaseControl(third).take() == []
    third.release()


def test_a_status_that_is_too_large_costs_nobody_the_lease(
    objects: Objects, sweep: str, lock: LeaseLock
) -> None:
    lock.publish(lambda: {"best": "x" * 300_000})
    time.sleep(0.5)
    lock.publish(lambda: {"best": 1})
    eventually(lambda: read_status(objects, sweep) == {"best": 1}, 5, "publishing")
    assert lock.held


def test_a_status_is_seen_by_others_and_stays_after_the_end(
    objects: Objects, sweep: str, lock: LeaseLock
) -> None:
    assert read_status(objects, sweep) is None
    lock.publish(lambda: {"best": 0.5})
    eventually(lambda: read_status(objects, sweep) == {"best": 0.5}, 5, "publishing")
    lock.publish(lambda: {"best": 0.4})
    lock.release()
    assert read_status(objects, sweep) == {"best": 0.4}
    assert sweep in sweeps(objects)


def test_a_sweep_that_is_not_there_is_the_users_mistake(
    objects: Objects, sweep: str, lock: LeaseLock
) -> None:
    for ask in (
        lambda: read_status(objects, "nothing"),
        lambda: request(objects, "nothing", {"paused": True}),
    ):
        with pytest.raises(InputError, match="There is no sweep `nothing`") as caught:
            ask()
        assert sweep in caught.value.cure
