from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components import artifact
from components.deployment.prune import prune
from components.deployment.state import Canary, Deployment
from components.deployment.store import FolderStore
from components.errors import InputError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    (folder / "saved_model.pb").write_bytes(b"graph")
    return folder


@pytest.fixture
def store(tmp_path, model):
    for _ in range(6):
        artifact.publish(model, tmp_path / "a", {})
    return FolderStore(tmp_path)


def test_newest_and_deployed_versions_stay(store):
    store.swap("a", None, Deployment(2, Canary(3, 10), 1))
    assert prune(store, "a", keep=1) == [4, 5]
    assert artifact.versions(store.root / "a") == [1, 2, 3, 6]
    assert prune(store, "a", keep=1) == []


def test_version_that_is_being_loaded_stays(store):
    store.swap("a", None, Deployment(6, loading=2))
    assert prune(store, "a", keep=1) == [1, 3, 4, 5]


def test_newest_good_version_stays_where_nothing_is_deployed(store):
    for number in ("5", "6"):
        (store.root / "a" / number / "saved_model.pb").write_bytes(b"other")
    assert prune(store, "a", keep=1) == [1, 2, 3, 5]


def test_dry_run_removes_nothing(store):
    assert prune(store, "a", keep=5, dry_run=True) == [1]
    assert artifact.versions(store.root / "a") == [1, 2, 3, 4, 5, 6]


def test_leftover_of_an_interrupted_call_is_removed(store):
    (store.root / "a" / "1").rename(store.root / "a" / ".removed-1-x")
    prune(store, "a", keep=6)
    assert not (store.root / "a" / ".removed-1-x").exists()


def test_keeping_nothing_is_refused(store):
    with pytest.raises(InputError, match="--keep 0"):
        prune(store, "a", keep=0)


def test_number_of_a_removed_version_does_not_come_back(store, model):
    prune(store, "a", keep=1)
    assert artifact.publish(model, store.root / "a", {}).name == "7"


@given(
    pushed=st.sets(st.integers(1, 30), min_size=1),
    keep=st.integers(1, 10),
    stable=st.integers(1, 30),
    canary=st.none() | st.integers(1, 30),
    previous=st.none() | st.integers(1, 30),
)
@settings(max_examples=40, deadline=None)
def test_what_is_deployed_is_never_removed(tmp_path_factory, pushed, keep, stable, canary, previous):
    root = tmp_path_factory.mktemp("root")
    for number in pushed:
        (root / "a" / str(number)).mkdir(parents=True)
    deployment = Deployment(stable, canary and Canary(canary, 10), previous)
    store = FolderStore(root)
    store.swap("a", None, deployment)
    removed = set(prune(store, "a", keep=keep))
    left = set(artifact.versions(root / "a"))
    assert left | removed == pushed and not left & removed
    assert set(deployment.versions) & pushed <= left
    assert set(sorted(pushed)[-keep:]) <= left
