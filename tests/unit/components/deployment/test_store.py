from __future__ import annotations

import json
import multiprocessing
import threading
from pathlib import Path

import pytest

from components.deployment.history import Change
from components.deployment.state import Deployment
from components.deployment.store import DEPLOYMENTS, HISTORY, FolderStore, Superseded, read_deployments
from components.errors import LodestarError

DEPLOYERS, CHANGES = 4, 25


def change(family="a", action="deploy"):
    return Change(family, action, None, 1, by="somebody@somewhere")


def test_store_keeps_what_it_was_given_with_a_revision(tmp_path):
    store = FolderStore(tmp_path / "serving")
    assert store.read() == {}
    first = store.swap("a", None, Deployment(4), change())
    second = store.swap("a", first, Deployment(5, previous=4), change())
    assert (first.revision, second.revision) == (1, 2)
    assert store.read() == {"a": second}
    assert [(entry.revision, entry.action) for entry in store.history()] == [(1, "deploy"), (2, "deploy")]


def test_stale_change_is_refused_and_names_who_was_faster(tmp_path):
    store = FolderStore(tmp_path)
    first = store.swap("a", None, Deployment(4))
    store.swap("a", first, Deployment(5), change(action="rollback"))
    with pytest.raises(Superseded, match="rollback by somebody@somewhere"):
        store.swap("a", first, Deployment(6))
    assert store.read()["a"].stable == 5


def test_other_families_change_independently(tmp_path):
    store = FolderStore(tmp_path)
    first = store.swap("a", None, Deployment(4))
    store.swap("b", None, Deployment(1))
    store.swap("a", first, None)
    assert list(store.read()) == ["b"]


def test_family_that_comes_back_goes_on_counting(tmp_path):
    store = FolderStore(tmp_path)
    first = store.swap("a", None, Deployment(4), change())
    store.swap("a", first, None, change())
    assert store.swap("a", None, Deployment(4)).revision == 3


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"stable": 0, "revision": 1}}', "{"])
def test_damaged_file_is_told_with_its_place(tmp_path, text):
    (tmp_path / DEPLOYMENTS).write_text(text)
    with pytest.raises(LodestarError) as caught:
        FolderStore(tmp_path).read()
    assert caught.value.source == str(tmp_path / DEPLOYMENTS)


def test_line_of_the_history_that_was_cut_off_is_left_out(tmp_path):
    store = FolderStore(tmp_path)
    store.swap("a", None, Deployment(4), change())
    with (tmp_path / HISTORY).open("a") as file:
        file.write('{"ts": "2026')
    assert len(store.history()) == 1


def deploy_often(root: Path, number: int) -> None:
    store = FolderStore(root)
    for _ in range(CHANGES):
        while True:
            before = store.read().get("a")
            try:
                store.swap("a", before, Deployment(number), change())
            except Superseded:
                continue
            break


def test_deployers_at_once_lose_no_change_and_readers_see_whole_files(tmp_path):
    store = FolderStore(tmp_path)
    store.swap("a", None, Deployment(1))
    context = multiprocessing.get_context("fork")
    deployers = [context.Process(target=deploy_often, args=(tmp_path, n + 1)) for n in range(DEPLOYERS)]
    stop, seen = threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            seen.append(read_deployments(tmp_path / DEPLOYMENTS)["a"].revision)

    reader = threading.Thread(target=look)
    reader.start()
    for deployer in deployers:
        deployer.start()
    for deployer in deployers:
        deployer.join()
    stop.set()
    reader.join()
    assert [deployer.exitcode for deployer in deployers] == [0] * DEPLOYERS
    assert store.read()["a"].revision == 1 + DEPLOYERS * CHANGES
    assert [entry.revision for entry in store.history()] == list(range(2, 2 + DEPLOYERS * CHANGES))
    assert seen == sorted(seen)
    assert not list(tmp_path.glob(".deployments.json-*"))


def test_file_is_the_documented_one(tmp_path):
    FolderStore(tmp_path).swap("a", None, Deployment(4, previous=3))
    assert json.loads((tmp_path / DEPLOYMENTS).read_text()) == {
        "a": {
            "stable": 4,
            "canary": None,
            "previous": 3,
            "revision": 1,
            "state": "UpToDate",
            "reason": "",
            "loading": None,
        }
    }
