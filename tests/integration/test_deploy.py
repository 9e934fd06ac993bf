"""Deploy, promote and roll back on the real model server, as a user types it."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from components.serving import client, warmup
from pipelines.cli import main
from tests.contract.models import write_half_plus_two, write_manifest
from tests.contract.server_process import ServerProcess

FAMILY = "text-search"
X = {"x": [1.0]}


class Laptop:
    """A home with pushed versions, and the commands that a user types there."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str], made: Callable[[int], Path]) -> None:
        self.root = home / "serving"
        self._made = made
        self._capsys = capsys
        self.server: ServerProcess | None = None

    def push(self, version: int, corrupt: bool = False, slow: bool = False, family: str = FAMILY) -> None:
        """Push a version that answers `version` * x + 2.

        Args:
            version: Its number.
            corrupt: It does not load, though its manifest is right.
            slow: It takes minutes until it is available.
            family: Whose it is.
        """
        aside = self.root / f".{family}-{version}"
        shutil.copytree(self._made(version), aside)
        if corrupt:
            (aside / "variables" / "variables.index").write_bytes(b"")
        if slow:
            write_slow_warmup(aside)
        if corrupt or slow:
            write_manifest(aside)
        (self.root / family).mkdir(exist_ok=True)
        aside.rename(self.root / family / str(version))

    def start(self) -> ServerProcess:
        self.server = ServerProcess(self.root)
        return self.server

    def __call__(self, verb: str, *arguments: str) -> tuple[int, str, str]:
        """Return the exit code, standard output and standard error of a verb."""
        server = ("--server", self.server.grpc) if self.server and verb not in ("history", "prune") else ()
        code = main([verb, FAMILY, *arguments, *server])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, verb: str, *arguments: str) -> Any:
        code, out, err = self(verb, *arguments, "-o", "json")
        assert out, (code, err)
        return json.loads(out)

    def slope(self, **which: Any) -> float:
        """Return the slope of the version that answers: its number."""
        assert self.server
        return client.Asker(self.server.rest, FAMILY, **which).predict(X)["y"][0] - 2.0

    def kept(self) -> dict[str, Any]:
        return json.loads((self.root / "deployments.json").read_text())[FAMILY]


def write_slow_warmup(version: Path) -> None:
    log = PredictionLog()
    log.predict_log.request.model_spec.signature_name = "slow"
    log.predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto([1e8], tf.float32))
    path = version / warmup.REQUESTS
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(log.SerializeToString())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Return the SavedModel of a version; each is written once."""
    folder = tmp_path_factory.mktemp("models")
    return functools.cache(
        lambda version: write_half_plus_two(folder / str(version), slope=float(version), version=version)
    )


@pytest.fixture
def laptop(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    made: Callable[[int], Path],
) -> Iterator[Laptop]:
    monkeypatch.setenv("LODESTAR_HOME", str(tmp_path))
    here = Laptop(tmp_path, capsys, made)
    here.push(1)
    here.push(2)
    yield here
    if here.server and here.server.process.poll() is None:
        here.server.stop()


def test_canary_promote_and_rollback_on_a_running_server(laptop: Laptop) -> None:
    laptop.push(1, family="matrix-factorization")
    laptop.start()
    assert laptop("deploy", "--version", "1")[:2] == (
        0,
        f"{FAMILY}: loading version 1\n{FAMILY}: stable 1, previous 2\n",
    )
    # Unlabelled requests get the highest version that is loaded, labelled ones what was deployed.
    assert (laptop.slope(), laptop.slope(version=2)) == (1.0, 2.0)
    done = laptop.json("deploy", "--version", "2", "--canary", "10")
    assert (done["stable"], done["canary"]) == (1, {"version": 2, "percent": 10})
    assert (laptop.slope(), laptop.slope(label="canary")) == (1.0, 2.0)
    assert laptop("promote")[0] == 0
    assert laptop.slope() == 2.0
    status = laptop.json("status")
    assert (status["state"], status["stable"], status["previous"]) == ("UpToDate", 2, 1)
    assert status["servers"][0]["labels"] == {"stable": 2}
    assert laptop("rollback")[0] == 0
    assert laptop.slope() == 1.0
    assert laptop.kept() | {"revision": 0} == {
        "stable": 1,
        "canary": None,
        "previous": None,
        "revision": 0,
        "state": "UpToDate",
        "reason": "",
        "loading": None,
    }
    assert [change["action"] for change in laptop.json("history")] == [
        "rollback",
        "promote",
        "canary",
        "deploy",
    ]
    # The other family went on serving.
    server = laptop.server
    assert server
    assert client.predict(server.rest, "matrix-factorization", X) == {"y": [3.0]}
    # What pods are asked whether they are ready.
    ready = f"{server.rest}/v1/models/{{}}/labels/stable/metadata"
    assert requests.get(ready.format(FAMILY), timeout=30).status_code == 200
    assert requests.get(ready.format("matrix-factorization"), timeout=30).status_code == 400


def test_version_that_does_not_load_leaves_the_stable_one_serving(laptop: Laptop) -> None:
    laptop.start()
    laptop("deploy", "--version", "2")
    before = laptop.kept()
    laptop.push(3, corrupt=True)
    code, _, err = laptop("deploy")
    assert code == 1
    assert "Version 3 does not load" in err and "Version 2 serves as before." in err
    kept = laptop.kept()
    assert kept["state"] == "BlockedByFailedLoad"
    assert [kept[key] for key in ("stable", "canary", "previous")] == [
        before[key] for key in ("stable", "canary", "previous")
    ]
    status = laptop.json("status")
    assert status["reason"] == kept["reason"]
    assert "too short to be an sstable" in kept["reason"]
    assert laptop("status")[0] == 1
    assert (laptop.slope(), laptop.slope(version=2)) == (2.0, 2.0)
    assert laptop.json("history", "--limit", "1")[0]["action"] == "failed"
    # A good version goes through.
    laptop.push(4)
    assert laptop("deploy")[0] == 0
    assert laptop.slope() == 4.0
    assert laptop("status")[0] == 0


def test_version_whose_files_were_changed_is_refused_before_the_server_sees_it(laptop: Laptop) -> None:
    laptop.start()
    laptop("deploy", "--version", "2")
    laptop.push(3)
    (laptop.root / FAMILY / "3" / "saved_model.pb").write_bytes(b"something else")
    code, _, err = laptop("deploy", "--canary", "50")
    assert (code, "sha256" in err) == (1, True)
    assert laptop.kept()["state"] == "BlockedByFailedLoad"
    assert laptop.slope() == 2.0


def test_choice_without_a_server_takes_effect_at_its_start(laptop: Laptop, free_port: None) -> None:
    laptop.push(3, corrupt=True)
    code, _, err = laptop("deploy", "--version", "1")
    assert (code, "takes effect when `lodestar serve` starts" in err) == (0, True)
    laptop("deploy", "--version", "2", "--canary", "10")
    laptop.start().wait_for("loaded", FAMILY, 2)
    assert (laptop.slope(), laptop.slope(label="canary")) == (1.0, 2.0)
    status = laptop.json("status")
    assert (status["state"], status["servers"][0]["labels"]) == ("UpToDate", {"stable": 1, "canary": 2})


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's server at the usual port is not meant."""
    monkeypatch.setattr("pipelines.deployments.DEFAULT_SERVER", "127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deploy", "--version", "9"), "There is no version 9 of `text-search`"),
        (("deploy", "--canary", "101"), "no percentage"),
        (("promote",), "no canary to promote"),
        (("rollback",), "it follows the newest pushed version"),
        (("rollback", "--to", "7"), "There is no version 7"),
    ],
)
def test_impossible_wish_ends_with_2_and_changes_nothing(
    laptop: Laptop, free_port: None, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = laptop(*arguments)
    assert (code, said in err) == (2, True), err
    assert not (laptop.root / "deployments.json").exists()


def test_server_that_was_named_and_is_not_there_is_an_error(laptop: Laptop) -> None:
    code, _, err = laptop("deploy", "--server", "127.0.0.1:1")
    assert (code, "127.0.0.1:1 does not answer" in err) == (1, True)
    assert not (laptop.root / "deployments.json").exists()


def test_requests_never_fail_while_versions_are_deployed_promoted_and_rolled_back(laptop: Laptop) -> None:
    server = laptop.start()
    laptop("deploy", "--version", "1")
    stop, answers, failures = threading.Event(), [], []

    def ask() -> None:
        url = f"{server.rest}/v1/models/{FAMILY}/labels/stable:predict"
        with requests.Session() as session:
            while not stop.is_set():
                response = session.post(url, json={"instances": [1.0]}, timeout=30)
                (answers if response.ok else failures).append(response.text)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for each in clients:
        each.start()
    try:
        for version in range(3, 7):
            laptop.push(version)
            assert laptop("deploy", "--canary", "10")[0] == 0
            assert laptop("promote" if version % 2 else "rollback")[0] == 0
    finally:
        stop.set()
        for each in clients:
            each.join()
    assert failures == []
    assert len(answers) > 100
    assert laptop.slope() == 5.0


def test_two_commands_at_once_leave_a_deployment_that_the_server_has(laptop: Laptop) -> None:
    server = laptop.start()
    command = [sys.executable, "-m", "pipelines", "deploy", FAMILY, "--server", server.grpc, "--version"]
    both = [subprocess.Popen([*command, v], stderr=subprocess.PIPE, text=True) for v in ("1", "2")]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in both]
    assert {code for _, code in ended} <= {0, 1}
    assert all("changed by somebody else" in err for err, code in ended if code)
    kept = laptop.kept()
    assert kept["state"] == "UpToDate"
    assert laptop.slope() == float(kept["stable"])
    assert laptop.json("status")["state"] == "UpToDate"


def test_rollback_does_not_wait_for_a_version_that_is_still_loading(laptop: Laptop) -> None:
    server = laptop.start()
    laptop("deploy", "--version", "1")
    before = laptop.kept()
    laptop.push(3, slow=True)
    command = [sys.executable, "-m", "pipelines", "deploy", FAMILY, "--server", server.grpc]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as deployer:
        while state(laptop, 3) != "LOADING":
            assert deployer.poll() is None
        assert laptop.kept()["state"] == "InProgress"
        assert laptop("status")[0] == 3
        assert laptop("rollback")[0] == 0
        # It is given up by who had begun it as well.
        assert "changed by somebody else meanwhile: rollback by" in deployer.communicate(timeout=120)[1]
    assert deployer.returncode == 1
    assert state(laptop, 3) != "AVAILABLE"
    assert {**laptop.kept(), "revision": 0} == {**before, "revision": 0}
    assert laptop.slope() == 1.0
    server.process.kill()


def state(laptop: Laptop, version: int) -> str:
    assert laptop.server
    states = {entry.version: entry.state.name for entry in client.status(laptop.server.rest, FAMILY)}
    return states.get(version, "")


def test_prune_keeps_what_a_rollback_needs(laptop: Laptop, free_port: None) -> None:
    for version in (3, 4, 5):
        laptop.push(version)
    laptop("deploy", "--version", "1")
    laptop("deploy", "--version", "3")
    code, out, _ = laptop("prune", "--keep", "1")
    assert (code, out) == (0, f"{FAMILY}: removed: 2, 4\n")
    assert laptop("rollback")[0] == 0


def test_list_and_status_tell_what_is_live(
    laptop: Laptop, free_port: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")

    def look(verb: str) -> Any:
        main([verb, "-o", "json"])
        return json.loads(capsys.readouterr().out)

    assert {f["name"]: (f["live"], f["stable"]) for f in look("list")}[FAMILY] == (2, None)
    laptop("deploy", "--version", "1")
    assert {f["name"]: (f["live"], f["stable"]) for f in look("list")}[FAMILY] == (1, 1)
    [status] = look("status")
    assert (status["kind"], status["name"], status["state"]) == ("deployment", FAMILY, "UpToDate")
