"""Versions come and go (table V); needs a server whose root the test may write to."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import tensorflow as tf

from tests.contract.models import publish_half_plus_two, write_half_plus_two, write_manifest
from tests.contract.server_process import ServerProcess

pytestmark = pytest.mark.skipif(
    "LODESTAR_CONTRACT_URL" in os.environ, reason="the root of that server cannot be written"
)


@dataclass(frozen=True)
class Model:
    """One model folder and how the server sees it."""

    server: ServerProcess
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def publish(self, version: int, slope: float = 0.5) -> Path:
        self.folder.mkdir(exist_ok=True)
        return publish_half_plus_two(self.folder, version, slope)

    def slope(self) -> float:
        response = self.post("serving_default", 1.0)
        assert response.status_code == 200, response.text
        return response.json()["predictions"][0] - 2.0

    def post(self, signature: str, value: float) -> requests.Response:
        body = {"signature_name": signature, "instances": [value]}
        return requests.post(f"{self.server.rest}/v1/models/{self.name}:predict", json=body, timeout=60)

    def call(self, path: str, body: str) -> requests.Response:
        return requests.post(self.server.rest + path, data=body, timeout=60)

    def states(self) -> dict[int, str]:
        return {int(entry["version"]): entry["state"] for entry in self.statuses()}

    def wait_for_state(self, version: int, state: str) -> None:
        eventually(lambda: self.states().get(version) == state)

    def statuses(self) -> list[dict[str, Any]]:
        response = requests.get(f"{self.server.rest}/v1/models/{self.name}", timeout=10)
        return response.json().get("model_version_status", [])

    def wait_for(self, kind: str, version: int) -> str:
        return self.server.wait_for(kind, self.name, version)["detail"]


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("lifecycle")) as running:
        yield running


@pytest.fixture
def model(server: ServerProcess, request: pytest.FixtureRequest) -> Model:
    root = Path(server.process.args[2])
    return Model(server, root / request.node.originalname.removeprefix("test_"))


def test_folder_names_are_numbers_and_anything_else_is_ignored(model):  # V1
    write_half_plus_two(model.folder / ".staging-7")
    write_half_plus_two(model.folder / "latest")
    write_half_plus_two(model.folder / "-3")
    staged = write_half_plus_two(model.folder / "0001.tmp")
    staged.rename(model.folder / "0001")
    model.wait_for("loaded", 1)
    assert model.states() == {1: "AVAILABLE"}


def test_new_version_replaces_the_old_after_it_is_available(model):  # V5
    model.publish(1, slope=1.0)
    model.wait_for("loaded", 1)
    model.publish(2, slope=2.0)
    model.wait_for("unloaded", 1)
    kinds = [(e["kind"], e["version"]) for e in model.server.events if e["model"] == model.name]
    assert kinds == [("loaded", 1), ("loaded", 2), ("unloaded", 1)]
    assert model.slope() == 2.0
    assert model.states() == {2: "AVAILABLE", 1: "END"}


def test_lower_version_that_appears_later_is_not_loaded(model):
    model.publish(5, slope=5.0)
    model.wait_for("loaded", 5)
    model.publish(4, slope=4.0)
    other = Model(model.server, model.folder.with_name("proof_that_the_root_was_polled"))
    other.publish(1)
    other.wait_for("loaded", 1)
    assert (model.slope(), model.states()) == (5.0, {5: "AVAILABLE"})


def test_broken_version_leaves_the_old_one_serving_and_says_why(model):  # V6
    model.publish(1, slope=1.0)
    model.wait_for("loaded", 1)
    broken = write_half_plus_two(model.folder / ".staging-2")
    (broken / "saved_model.pb").write_bytes(b"not a graph")
    write_manifest(broken)
    broken.rename(model.folder / "2")
    model.wait_for("failed", 2)
    [newest, serving] = model.statuses()
    assert (newest["version"], newest["state"]) == ("2", "END")
    assert newest["status"]["error_code"] != "OK"
    assert "saved_model.pb" in newest["status"]["error_message"]
    assert (serving["version"], serving["state"]) == ("1", "AVAILABLE")
    assert model.slope() == 1.0


def test_deleting_the_newest_version_rolls_back(model):  # V7
    model.publish(1, slope=1.0)
    model.publish(2, slope=2.0)
    model.wait_for("loaded", 2)
    shutil.rmtree(model.folder / "2")
    eventually(lambda: model.slope() == 1.0)
    eventually(lambda: model.states() == {1: "AVAILABLE", 2: "END"})


def test_request_under_way_on_the_old_version_succeeds(model):  # V8
    model.publish(1)
    model.wait_for("loaded", 1)
    answers: list[requests.Response] = []
    slow = threading.Thread(target=lambda: answers.append(model.post("slow", 200_000.0)))
    slow.start()
    model.publish(2)
    model.wait_for("loaded", 2)
    eventually(lambda: model.states()[1] == "UNLOADING")
    assert slow.is_alive()
    assert model.slope() == 0.5
    slow.join()
    assert (answers[0].status_code, answers[0].json()) == (200, {"predictions": [200_000.0]})
    model.wait_for("unloaded", 1)


def test_half_copied_version_is_not_served_until_it_is_complete(model):  # V12
    model.publish(1, slope=1.0)
    model.wait_for("loaded", 1)
    complete = write_half_plus_two(model.folder / ".copying", slope=2.0)
    files = sorted(path.relative_to(complete) for path in complete.rglob("*") if path.is_file())
    for copied in files:
        # The manifest is first: every file but the last leaves it unfulfilled.
        assert model.slope() == 1.0
        target = model.folder / "2" / copied
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(complete / copied, target)
    model.wait_for("loaded", 2)
    assert model.slope() == 2.0


def test_root_that_is_away_for_a_moment_unloads_nothing(server):  # X12
    root = Path(server.process.args[2])
    model = Model(server, root / "away")
    model.publish(1)
    model.wait_for("loaded", 1)
    root.rename(root.with_name("aside"))
    server.wait_for_detail("missing", f"Could not read the serving root {root}")
    assert model.slope() == 0.5
    root.with_name("aside").rename(root)
    model.publish(2)
    model.wait_for("loaded", 2)


def test_deleting_every_version_unloads_the_model(model):  # V4
    model.publish(1)
    model.wait_for("loaded", 1)
    shutil.rmtree(model.folder / "1")
    model.wait_for("unloaded", 1)
    assert model.post("serving_default", 1.0).status_code == 404
    assert model.states() == {1: "END"}


def _change(folder: Path) -> None:
    with (folder / "saved_model.pb").open("ab") as file:
        file.write(b"\0")


def _flip(folder: Path) -> None:
    path = folder / "variables" / "variables.data-00000-of-00001"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _truncate(folder: Path) -> None:
    os.truncate(folder / "saved_model.pb", 100)


def _add(folder: Path) -> None:
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "extra.txt").write_text("x")


def _hide(folder: Path) -> None:
    (folder / ".hidden").write_text("x")


def _remove(folder: Path) -> None:
    (folder / "fingerprint.pb").unlink()


def _link(folder: Path) -> None:
    (folder / "saved_model.pb").rename(folder.with_name(".elsewhere"))
    (folder / "saved_model.pb").symlink_to(folder.with_name(".elsewhere"))


def _link_folder(folder: Path) -> None:
    (folder / "variables").rename(folder.with_name(".elsewhere"))
    (folder / "variables").symlink_to(folder.with_name(".elsewhere"))


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _no_manifest(folder: Path) -> None:
    (folder / "MANIFEST.sha256").unlink()


def _empty_manifest(folder: Path) -> None:
    (folder / "MANIFEST.sha256").write_text("")


def _other_digest(folder: Path) -> None:
    path = folder / "MANIFEST.sha256"
    path.write_text(re.sub("^[0-9a-f]{64}", "0" * 64, path.read_text()))


def _outside(folder: Path) -> None:
    with (folder / "MANIFEST.sha256").open("a") as file:
        file.write(f"{'0' * 64}  ../1/saved_model.pb\n")


def _second_graph(folder: Path) -> None:
    (folder / "saved_model.pbtxt").write_text("")
    write_manifest(folder)


def _reads_files(folder: Path) -> None:
    shutil.rmtree(folder)
    module = tf.Module()
    module.serve = tf.function(tf.io.read_file, input_signature=[tf.TensorSpec([], tf.string)])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    write_manifest(folder)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_half_plus_two(tmp_path_factory.mktemp("exported") / "2", slope=2.0)


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (_change, "saved_model.pb"),
        (_flip, "variables.data-00000-of-00001"),
        (_truncate, "saved_model.pb"),
        (_add, "assets/extra.txt"),
        (_hide, ".hidden"),
        (_remove, "fingerprint.pb"),
        (_link, "link"),
        (_link_folder, "link"),
        (_pipe, "pipe"),
        (_no_manifest, "MANIFEST.sha256"),
        (_empty_manifest, "not in the manifest"),
        (_other_digest, "the manifest says"),
        (_outside, "../1/saved_model.pb"),
        (_second_graph, "saved_model.pbtxt"),
        (_reads_files, "ReadFile"),
    ],
)
def test_tampered_version_is_refused_and_the_old_one_serves(server, exported, tamper, reason):  # X13
    root = Path(server.process.args[2])
    model = Model(server, root / f"tampered{tamper.__name__}")
    shutil.copytree(exported, model.folder / ".staging-1")
    (model.folder / ".staging-1").rename(model.folder / "1")
    staged = model.folder / ".staging-2"
    shutil.copytree(exported, staged)
    tamper(staged)
    model.wait_for("loaded", 1)
    staged.rename(model.folder / "2")
    assert reason in model.wait_for("failed", 2)
    newest = model.statuses()[0]
    assert (newest["version"], newest["state"]) == ("2", "END")
    assert newest["status"]["error_code"] == "DATA_LOSS"
    assert reason in newest["status"]["error_message"]
    assert (model.slope(), model.states()[1]) == (2.0, "AVAILABLE")


def test_refused_version_is_served_once_it_is_mended(model):
    staged = write_half_plus_two(model.folder / ".staging-1", slope=3.0)
    _no_manifest(staged)
    staged.rename(model.folder / "1")
    model.wait_for("failed", 1)
    write_manifest(model.folder / "1")
    model.wait_for("loaded", 1)
    assert model.slope() == 3.0
