"""The manager with servables that only know their version: configurations, labels, what is missing."""

from __future__ import annotations

import json
import threading
from time import monotonic

import pytest

from components.serving.config import Config, ModelConfig
from components.serving.errors import Code, ServingError
from components.serving.manager import Manager
from components.serving.policy import Policy
from components.serving.root_config import RootSource
from components.serving.source import ConfigSource
from components.serving.status import State
from components.serving.versions import Versions


class Fake:
    """A servable."""

    def close(self):
        pass


class World:
    """A manager, some folders of versions, and what happened."""

    def __init__(self, root, source=None, **settings):
        self.root = root
        self.events = []
        self.versions = Versions(self._load, self.events.append, load_threads=2)
        self.manager = Manager(source or ConfigSource(), self.versions, self.events.append, **settings)

    def _load(self, model, version, path, cancelled):
        if (path / "broken").exists():
            raise ValueError("broken")
        return Fake()

    def publish(self, model, *versions, broken=False):
        for version in versions:
            folder = self.root / model / str(version)
            folder.mkdir(parents=True)
            if broken:
                (folder / "broken").touch()

    def model(self, name, *versions, **labels):
        policy = Policy("specific", versions=frozenset(versions)) if versions else Policy()
        return ModelConfig(name, self.root / name, policy, labels)

    def reload(self, *models, timeout=10.0):
        self.manager.reload(Config(models), timeout)
        self.settle()

    def settle(self):
        deadline = monotonic() + 10
        assert self.versions.wait_for(self.versions.is_idle, lambda: monotonic() > deadline)

    def served(self, model, version=None, label=""):
        with self.manager.lease(model, version, label) as served:
            return served.version


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.manager.close(10)


def refused(world, *models, timeout=10.0):
    with pytest.raises(ServingError) as caught:
        world.reload(*models, timeout=timeout)
    return caught.value.code


def test_request_by_label_gets_that_version_and_without_one_the_highest(world):
    world.publish("m", 1, 2)
    world.reload(world.model("m", 1, 2))
    world.reload(world.model("m", 1, 2, stable=1))
    assert (world.served("m", label="stable"), world.served("m")) == (1, 2)
    assert world.manager.labels("m") == {"stable": 1}


def test_label_of_a_version_that_went_is_not_found(world):
    world.publish("m", 1, 2)
    world.reload(world.model("m", 1, 2))
    world.reload(world.model("m", 1, 2, stable=1))
    (world.root / "m" / "1").rmdir()
    world.manager.poll()
    world.settle()
    with pytest.raises(ServingError) as caught:
        world.served("m", label="stable")
    assert caught.value.message == "Servable not found for request: Specific(m, 1)"


@pytest.mark.parametrize("change", ["label", "platform"])
def test_refused_configuration_changes_nothing(world, change):
    world.publish("m", 1, 2)
    world.reload(world.model("m", 1))
    world.reload(world.model("m", 1, stable=1))
    new = world.model("m", 1, 2, stable=2)
    if change == "platform":
        new = ModelConfig("m", world.root / "m", platform="tflite")
    assert refused(world, new) in (Code.FAILED_PRECONDITION, Code.INVALID_ARGUMENT)
    world.manager.poll()
    world.settle()
    assert (world.served("m", label="stable"), world.versions.available("m")) == (1, {1})


def test_empty_configuration_is_no_configuration(world):
    world.publish("m", 1)
    world.reload(world.model("m", 1))
    world.manager.reload(None)
    assert world.served("m") == 1


def test_new_model_that_fails_is_named_with_its_reason(world):
    world.publish("m", 3, broken=True)
    with pytest.raises(ServingError) as caught:
        world.reload(world.model("m"))
    assert caught.value.code is Code.UNKNOWN
    assert caught.value.message == (
        "1 model(s) did not become available: {{{name: m version: 3} due to error: INTERNAL: ValueError:"
        " broken}, }"
    )


def test_new_version_of_a_known_model_is_not_waited_for(world):
    world.publish("m", 1)
    world.publish("m", 2, broken=True)
    world.reload(world.model("m", 1))
    world.reload(world.model("m", 1, 2))
    assert [status.state for status in world.manager.statuses("m")] == [State.END, State.AVAILABLE]


def test_reload_waits_no_longer_than_told(world):
    world.publish("m")
    (world.root / "m").mkdir()
    assert refused(world, world.model("m"), timeout=0.01) is Code.DEADLINE_EXCEEDED


def test_server_that_stops_ends_the_wait_for_a_model(world):
    (world.root / "m").mkdir()
    codes = []
    waiting = threading.Thread(
        target=lambda: codes.append(refused(world, world.model("m"), timeout=None)), daemon=True
    )
    waiting.start()
    world.manager.stop_waiting()
    waiting.join(timeout=10)
    assert codes == [Code.UNAVAILABLE]


def test_later_configuration_ends_the_wait_for_a_model_that_it_leaves_out(world):
    (world.root / "m").mkdir()
    waiting = threading.Thread(target=world.reload, args=(world.model("m"),), kwargs={"timeout": 60.0})
    waiting.start()
    world.publish("n", 1)
    world.reload(world.model("n"))
    waiting.join(timeout=10)
    assert not waiting.is_alive()


def test_what_is_missing_is_said_once_and_again_after_it_was_there(world):
    world.publish("m", 1)
    world.reload(world.model("m", 1, 2))
    for _ in range(3):
        world.manager.poll()
    world.publish("m", 2)
    world.manager.poll()
    (world.root / "m" / "2").rmdir()
    world.manager.poll()
    missing = [event.detail for event in world.events if event.kind == "missing"]
    assert len(missing) == 2
    assert missing[0].startswith("Version 2 of servable m, which was requested")


def test_status_of_what_was_never_seen_is_not_found(world):
    world.publish("m", 1)
    world.reload(world.model("m", 1))
    assert [status.version for status in world.manager.statuses("m", 1)] == [1]
    for name, version, what in [("x", None, "any versions of model x"), ("m", 7, "version 7 of model m")]:
        with pytest.raises(ServingError) as caught:
            world.manager.statuses(name, version)
        assert caught.value.message == f"Could not find {what}"
    assert (world.manager.knows("m"), world.manager.knows("x")) == (True, False)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "deployments.json").write_text(
        json.dumps({"a": {"stable": 1, "canary": None, "previous": None}})
    )
    made = World(tmp_path, RootSource(tmp_path, tmp_path / "deployments.json"))
    made.publish("a", 1, 2)
    made.publish("b", 1)
    yield made
    made.manager.close(10)


def test_deployed_family_keeps_its_version_at_the_start_and_others_follow_the_newest(root):
    root.manager.begin(None)
    root.settle()
    assert (root.served("a", label="stable"), root.served("a"), root.served("b")) == (1, 1, 1)
    root.publish("b", 2)
    root.manager.poll()
    root.settle()
    assert root.served("b") == 2


def test_request_about_one_family_leaves_the_labels_of_the_others(root):
    root.manager.begin(None)
    root.settle()
    root.reload(root.model("b", 1))
    root.reload(root.model("b", 1, stable=1))
    assert (root.served("a", label="stable"), root.served("b", label="stable")) == (1, 1)


def test_deployed_version_that_is_broken_does_not_block_other_families(root):
    (root.root / "a" / "1" / "broken").touch()
    root.manager.begin(None)
    root.settle()
    root.reload(root.model("b", 1))
    root.reload(root.model("b", 1, stable=1))
    assert root.served("b", label="stable") == 1


def test_family_that_the_root_serves_already_is_not_new(root):
    root.manager.begin(None)
    root.settle()
    root.publish("b", 2, broken=True)
    root.reload(root.model("b", 2))
    assert root.served("b") == 1
