"""The manager with servables that only record being closed; real models are in the contract suite."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from components.errors import LodestarError
from components.serving.errors import Code, ServingError
from components.serving.manager import Manager
from components.serving.status import Event, State


class Recorded:
    """A servable that remembers where it came from and whether it was closed."""

    def __init__(self, path):
        if (path / "broken").exists():
            raise ValueError(f"{path.name} is broken")
        self.version = int(path.name)
        self.closed = threading.Event()

    def close(self):
        self.closed.set()


def refuse_bad(path):
    if (path / "bad").exists():
        raise LodestarError(f"Version {path.name} is refused: bad.")


class World:
    """A manager, a folder of versions, and what happened."""

    def __init__(self, root):
        self.root = root
        self.events: list[Event] = []
        self.happened = threading.Condition()
        self.manager = Manager(refuse_bad, Recorded, self._note)

    def _note(self, event):
        with self.happened:
            self.events.append(event)
            self.happened.notify_all()

    def version(self, number, *files):
        folder = self.root / str(number)
        folder.mkdir(exist_ok=True)
        for name in files:
            (folder / name).write_text("x")
        return folder

    def aspire(self, *numbers):
        self.manager.aspire({"m": {number: self.root / str(number) for number in numbers}})
        for future in wait(self.manager.pending(), timeout=10).done:
            future.result()

    def states(self):
        return {status.version: status.state for status in self.manager.statuses("m")}

    def serving(self):
        with self.manager.lease("m") as served:
            return served.version

    def wait_for(self, kind, version):
        with self.happened:
            assert self.happened.wait_for(lambda: (kind, version) in self.kinds(), timeout=10), self.events

    def kinds(self):
        return [(event.kind, event.version) for event in self.events]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.manager.close(10)


def test_newest_version_is_loaded_and_older_ones_are_not(world):
    for number in (1, 2, 10):
        world.version(number)
    world.aspire(1, 2, 10)
    assert (world.serving(), world.kinds()) == (10, [("loaded", 10)])


def test_old_version_goes_only_after_the_new_one_is_there(world):
    world.version(1), world.version(2)
    world.aspire(1)
    world.aspire(1, 2)
    world.wait_for("unloaded", 1)
    assert world.kinds() == [("loaded", 1), ("loaded", 2), ("unloaded", 1)]
    assert world.states() == {2: State.AVAILABLE, 1: State.END}


def test_removed_version_gives_way_to_the_next_lower(world):
    world.version(1), world.version(2)
    world.aspire(1, 2)
    world.aspire(1)
    assert world.serving() == 1


def test_leased_version_is_closed_only_when_the_last_request_is_done(world):
    world.version(1), world.version(2)
    world.aspire(1)
    with world.manager.lease("m") as first, world.manager.lease("m", 1) as second:
        assert first is second
        world.aspire(1, 2)
        assert world.states()[1] is State.UNLOADING
        assert world.serving() == 2
        assert not first.servable.closed.is_set()
    assert first.servable.closed.wait(timeout=10)
    world.wait_for("unloaded", 1)


def test_lease_ends_when_the_request_fails(world):
    world.version(1)
    world.aspire(1)
    with pytest.raises(ZeroDivisionError), world.manager.lease("m") as served:
        raise ZeroDivisionError
    assert served.users == 0


@pytest.mark.parametrize(
    ("flaw", "code", "message"),
    [
        ("bad", Code.DATA_LOSS, "Version 2 is refused: bad."),
        ("broken", Code.INTERNAL, "ValueError: 2 is broken"),
    ],
)
def test_version_that_cannot_be_served_leaves_the_older_and_says_why(world, flaw, code, message):
    world.version(1), world.version(2, flaw)
    world.aspire(1)
    world.aspire(1, 2)
    assert world.serving() == 1
    [status] = world.manager.statuses("m", 2)
    assert (status.state, status.code, status.message) == (State.END, code, message)


def test_first_look_falls_back_to_the_newest_good_version(world):
    world.version(1), world.version(2), world.version(3, "bad")
    world.aspire(1, 2, 3)
    assert (world.serving(), world.states()) == (2, {3: State.END, 2: State.AVAILABLE})


def test_version_that_failed_is_tried_again_only_when_its_files_change(world):
    folder = world.version(1, "bad")
    for _ in range(3):
        world.aspire(1)
    assert world.kinds() == [("failed", 1)]
    (folder / "bad").unlink()
    world.aspire(1)
    assert world.kinds() == [("failed", 1), ("loaded", 1)]


def test_nothing_good_left_keeps_what_serves(world):
    world.version(1), world.version(2, "bad")
    world.aspire(1)
    world.aspire(2)
    assert world.serving() == 1


def test_model_without_versions_is_unloaded(world):
    world.version(1)
    world.aspire(1)
    world.manager.aspire({})
    world.wait_for("unloaded", 1)
    assert world.manager.models() == []


@pytest.mark.parametrize(
    ("model", "version", "message"),
    [("x", None, "Latest(x)"), ("m", 9, "Specific(m, 9)"), ("x", 9, "Specific(x, 9)")],
)
def test_lease_of_what_is_not_there_is_not_found(world, model, version, message):
    world.version(1)
    world.aspire(1)
    with pytest.raises(ServingError) as caught, world.manager.lease(model, version):
        pass
    assert caught.value.code is Code.NOT_FOUND
    assert caught.value.message == f"Servable not found for request: {message}"


def test_ended_versions_are_forgotten_after_a_hundred(world):
    for number in range(1, 111):
        world.version(number)
        world.aspire(number)
        if number > 1:
            world.wait_for("unloaded", number - 1)
    numbers = sorted(world.states())
    assert (len(numbers), numbers[0], numbers[-1]) == (101, 10, 110)


def test_model_that_loads_slowly_does_not_hold_up_another(tmp_path):
    release, loading = threading.Event(), threading.Event()

    def load(path):
        if path.parent.name == "slow":
            loading.set()
            assert release.wait(timeout=10)
        return Recorded(path)

    paths = {model: {1: tmp_path / model / "1"} for model in ("slow", "quick")}
    for versions in paths.values():
        versions[1].mkdir(parents=True)
    loaded = threading.Event()
    manager = Manager(refuse_bad, load, lambda event: event.model == "quick" and loaded.set())
    manager.aspire(paths)
    manager.aspire(paths)
    assert loaded.wait(timeout=10)
    assert loading.wait(timeout=10)
    assert [status.state for status in manager.statuses("slow")] == [State.LOADING]
    release.set()
    manager.close(10)


def test_close_waits_no_longer_than_told(world):
    world.version(1)
    world.aspire(1)
    with world.manager.lease("m") as served:
        world.manager.close(0.01)
        assert not served.servable.closed.is_set()
    assert served.servable.closed.wait(timeout=10)
