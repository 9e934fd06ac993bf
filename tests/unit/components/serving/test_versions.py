"""Versions with servables that only record being closed; real models are in the contract suite."""

from __future__ import annotations

import threading
from collections import defaultdict
from time import monotonic

import pytest

from components.errors import LodestarError
from components.serving.errors import Code, ServingError
from components.serving.loader import Loader
from components.serving.memory import Memory
from components.serving.policy import Policy
from components.serving.source import Target
from components.serving.status import Event, State
from components.serving.versions import Versions

NEWEST = Policy(falls_back=True)


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
    """Some versions, their folder, and what happened."""

    def __init__(self, root, policy=NEWEST):
        self.root = root
        self.policy = policy
        self.events: list[Event] = []
        self.happened = threading.Condition()
        self.versions = Versions(Loader(refuse_bad, Recorded, Memory()), self._note, load_threads=2)

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

    def aspire(self, *numbers, policy=None):
        """Ask for versions, and wait until all that this leads to has happened."""
        found = {number: self.root / str(number) for number in numbers}
        self.versions.aspire({"m": Target(policy or self.policy, found)})
        self.settle()

    def settle(self):
        deadline = monotonic() + 10
        assert self.versions.wait_for(self.versions.is_idle, lambda: monotonic() > deadline)

    def states(self):
        return {status.version: status.state for status in self.versions.statuses("m")}

    def serving(self):
        with self.versions.lease("m") as served:
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
    made.versions.close(10)


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
    with world.versions.lease("m") as first, world.versions.lease("m", 1) as second:
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
    with pytest.raises(ZeroDivisionError), world.versions.lease("m") as served:
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
    [status] = [status for status in world.versions.statuses("m") if status.version == 2]
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
    world.versions.aspire({})
    world.wait_for("unloaded", 1)
    assert world.versions.models() == []


@pytest.mark.parametrize(
    ("model", "version", "message"),
    [("x", None, "Latest(x)"), ("m", 9, "Specific(m, 9)"), ("x", 9, "Specific(x, 9)")],
)
def test_lease_of_what_is_not_there_is_not_found(world, model, version, message):
    world.version(1)
    world.aspire(1)
    with pytest.raises(ServingError) as caught, world.versions.lease(model, version):
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

    def load(model, version, path, cancelled):
        if model == "slow":
            loading.set()
            assert release.wait(timeout=10)
        return Recorded(path)

    targets = {model: Target(NEWEST, {1: tmp_path / model / "1"}) for model in ("slow", "quick")}
    loaded = threading.Event()
    versions = Versions(load, lambda event: event.model == "quick" and loaded.set(), load_threads=2)
    versions.aspire(targets)
    versions.aspire(targets)
    assert loaded.wait(timeout=10)
    assert loading.wait(timeout=10)
    assert [status.state for status in versions.statuses("slow")] == [State.LOADING]
    release.set()
    versions.close(10)


def test_close_waits_no_longer_than_told(world):
    world.version(1)
    world.aspire(1)
    with world.versions.lease("m") as served:
        world.versions.close(0.01)
        assert not served.servable.closed.is_set()
    assert served.servable.closed.wait(timeout=10)


SPECIFIC_1, SPECIFIC_2 = (Policy("specific", versions=frozenset({number})) for number in (1, 2))


def test_listed_versions_serve_side_by_side(world):
    for number in (1, 2, 3):
        world.version(number)
    world.aspire(1, 2, 3, policy=Policy("specific", versions=frozenset({1, 3})))
    assert world.states() == {3: State.AVAILABLE, 1: State.AVAILABLE}


def test_listed_version_that_fails_leaves_the_old_one_serving(world):
    world.version(1), world.version(2, "broken")
    world.aspire(1, 2, policy=SPECIFIC_1)
    world.aspire(1, 2, policy=SPECIFIC_2)
    assert (world.serving(), world.states()[2]) == (1, State.END)


def test_latest_without_fall_back_serves_nothing_when_the_newest_fails(world):
    world.version(1), world.version(2, "broken")
    world.aspire(1, 2, policy=Policy())
    assert world.states() == {2: State.END}


def test_failed_version_is_tried_again_when_it_is_wanted_anew(world):
    world.version(1), world.version(2, "broken")
    world.aspire(1, 2, policy=SPECIFIC_2)
    world.aspire(1, 2, policy=SPECIFIC_1)
    world.aspire(1, 2, policy=SPECIFIC_2)
    assert world.kinds() == [("failed", 2), ("loaded", 1), ("failed", 2)]


class Slow:
    """Versions whose loading waits until it is let go."""

    def __init__(self, root):
        self.started = defaultdict(threading.Event)
        self.go = defaultdict(threading.Event)
        self.made: list[Recorded] = []
        self.versions = Versions(self._load, lambda event: None, load_threads=2)
        self.paths = {number: root / str(number) for number in (1, 2)}

    def _load(self, model, version, path, cancelled):
        self.started[version].set()
        assert self.go[version].wait(timeout=10)
        self.made.append(Recorded(path))
        return self.made[-1]

    def aspire(self, policy):
        self.versions.aspire({"m": Target(policy, self.paths)})

    def settle(self):
        assert self.versions.wait_for(self.versions.is_idle, lambda: False)


@pytest.fixture
def slow(tmp_path):
    made = Slow(tmp_path)
    yield made
    for event in made.go.values():
        event.set()
    made.versions.close(10)


def test_version_taken_back_while_it_loads_never_becomes_available(slow):
    slow.go[1].set()
    slow.aspire(SPECIFIC_1)
    slow.settle()
    slow.aspire(Policy("specific", versions=frozenset({1, 2})))
    assert slow.started[2].wait(timeout=10)
    slow.aspire(SPECIFIC_1)
    slow.go[2].set()
    slow.settle()
    assert slow.versions.available("m") == {1}
    assert slow.made[-1].closed.is_set()
    assert [status.state for status in slow.versions.statuses("m")] == [State.END, State.AVAILABLE]


def test_version_taken_back_and_wanted_again_while_it_loads_is_loaded(slow):
    slow.aspire(SPECIFIC_2)
    assert slow.started[2].wait(timeout=10)
    slow.aspire(SPECIFIC_1)
    slow.aspire(SPECIFIC_2)
    slow.go[2].set(), slow.go[1].set()
    slow.settle()
    assert slow.versions.available("m") == {2}


def test_rollback_does_not_wait_for_a_version_that_loads(slow):
    slow.aspire(SPECIFIC_2)
    assert slow.started[2].wait(timeout=10)
    slow.go[1].set()
    slow.aspire(SPECIFIC_1)
    assert slow.versions.wait_for(lambda: slow.versions.available("m") == {1}, lambda: False)


def test_closing_while_a_version_loads_frees_it(slow):
    slow.aspire(SPECIFIC_2)
    assert slow.started[2].wait(timeout=10)
    closing = threading.Thread(target=slow.versions.close, args=(10,))
    closing.start()
    slow.go[2].set()
    closing.join(timeout=10)
    assert slow.made[-1].closed.is_set()


def test_terminal_that_went_away_does_not_stop_the_versions(tmp_path):
    def fail(event):
        raise BrokenPipeError

    (tmp_path / "1").mkdir()
    versions = Versions(Loader(refuse_bad, Recorded, Memory()), fail)
    versions.aspire({"m": Target(NEWEST, {1: tmp_path / "1"})})
    assert versions.wait_for(versions.is_idle, lambda: False)
    assert versions.available("m") == {1}
    versions.close(10)
