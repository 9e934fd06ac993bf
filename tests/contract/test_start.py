"""How the server starts, as `python -m components.serving`: what it waits for, and what ends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
import requests
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from tests.contract.models import publish_half_plus_two
from tests.contract.server_process import ServerProcess
from tests.contract.test_lifecycle import eventually
from tests.contract.test_reload import Served

pytestmark = pytest.mark.skipif(
    "LODESTAR_CONTRACT_URL" in os.environ, reason="that server has been started by somebody else"
)


def model(root: Path, *versions: int) -> Path:
    root.mkdir(exist_ok=True)
    for version in versions:
        publish_half_plus_two(root, version, slope=float(version))
    return root


def write(path: Path, *configs: str) -> str:
    aside = path.with_suffix(".new")
    aside.write_text(f"model_config_list {{ {' '.join(configs)} }}")
    aside.rename(path)
    return f"--model_config_file={path}"


def start(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.serving", "--host=127.0.0.1", "--port=0", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_version_that_does_not_load_ends_the_start(tmp_path):  # V9
    good, bad = Served(None, model(tmp_path / "good", 1)), Served(None, model(tmp_path / "bad", 1, 2))
    (bad.folder / "2" / "saved_model.pb").write_bytes(b"\n\x03")
    done = start(write(tmp_path / "models.config", good.config(), bad.config()))
    assert done.returncode == 1
    problem = "1 servable(s) did not become available: {{{name: bad version: 2} due to error: DATA_LOSS: "
    assert f"Failed to start server. Error: {problem}" in done.stderr
    assert "listening" not in done.stderr


def test_version_that_does_not_fit_in_memory_ends_the_start(tmp_path):  # V10
    folder = model(tmp_path / "m", 1)
    done = start(f"--model_base_path={folder}", "--memory_limit_bytes=1", "--max_num_load_retries=0")
    assert done.returncode == 1
    assert (
        "{{{name: default version: 1} due to error: RESOURCE_EXHAUSTED: Insufficient resources to load"
        " servable {name: default version: 1}}, }"
    ) in done.stderr


def test_configuration_that_cannot_be_read_ends_the_start(tmp_path):  # L10
    path = tmp_path / "models.config"
    path.write_text("model_config_list { config { nom: 4 } }")
    done = start(f"--model_config_file={path}")
    assert (done.returncode, str(path) in done.stderr, "nom" in done.stderr) == (2, True, True)


def test_label_of_a_version_that_is_not_loaded_yet_ends_the_start(tmp_path):  # L11
    m = Served(None, model(tmp_path / "m", 1))
    done = start(write(tmp_path / "models.config", m.config([1], labels={"stable": 1})))
    assert done.returncode == 1
    assert "Request to assign label to version 1 of model m, which is not currently available" in done.stderr
    assert "--allow_version_labels_for_unavailable_models" in done.stderr


def test_server_waits_for_a_first_version_of_every_model_and_can_be_stopped_meanwhile(tmp_path):
    empty = Served(None, model(tmp_path / "empty"))
    path = write(tmp_path / "models.config", empty.config())
    with ServerProcess(None, flags=[path], wait=False) as server:
        server.wait_for("waiting", "empty", timeout=120)
        assert server.stop() == 0
    assert "listening" not in [event["kind"] for event in server.events]


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A server whose configuration file is read again and again, started before its model is there."""
    root = tmp_path_factory.mktemp("followed")
    m = Served(None, root / "m")
    flags = [
        write(root / "models.config", m.config([1], labels={"stable": 1})),
        f"--grpc_socket_path={root / 's'}",
        "--model_config_file_poll_wait_seconds=0.1",
        "--file_system_poll_wait_seconds=0.02",
        "--allow_version_labels_for_unavailable_models=true",
        "--max_num_load_retries=0",
    ]
    with ServerProcess(None, flags=flags, wait=False) as server:
        server.wait_for_detail("missing", f"Could not find base path {m.folder} for servable m", timeout=120)
        # The ports are closed until the model is there.
        assert "listening" not in [event["kind"] for event in server.events]
        model(m.folder, 1, 2, 3)
        server.wait_until_listening()
        yield Served(server, m.folder)


def file_of(m: Served) -> Path:
    return m.folder.parent / "models.config"


def test_label_may_go_ahead_of_its_first_version_where_that_is_allowed(followed):
    write(file_of(followed), followed.config([1], labels={"stable": 1}))
    eventually(lambda: followed.available() == {1})
    assert followed.slope_of("/labels/stable") == 1.0


def test_file_that_changes_is_applied(followed):
    write(file_of(followed), followed.config([1, 2]))
    eventually(lambda: followed.available() == {1, 2})
    write(file_of(followed), followed.config([1, 2], labels={"stable": 2}))
    eventually(lambda: requests.get(_label(followed), timeout=10).status_code == 200)
    assert followed.slope_of("/labels/stable") == 2.0


def test_file_that_becomes_unreadable_is_ignored_and_said_once(followed):  # L12
    write(file_of(followed), followed.config([1, 2]))
    eventually(lambda: followed.available() == {1, 2})
    aside = file_of(followed).with_suffix(".bad")
    aside.write_text("model_config_list { config { nom: 4 } }")
    aside.rename(file_of(followed))
    followed.server.wait_for_detail("ignored", str(file_of(followed)))
    followed.publish(4)
    write(file_of(followed), followed.config([1, 2, 4]))
    eventually(lambda: followed.available() == {1, 2, 4})
    assert [event["kind"] for event in followed.server.events].count("ignored") == 1


def test_grpc_listens_on_a_socket_too(followed):
    write(file_of(followed), followed.config([1]))
    eventually(lambda: followed.available() == {1})
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "m"
    with grpc.insecure_channel(f"unix:{file_of(followed).with_name('s')}") as channel:
        answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=30)
    assert 1 in [status.version for status in answer.model_version_status]


def test_file_undoes_what_a_request_changed(followed):  # L13
    write(file_of(followed), followed.config([1]))
    eventually(lambda: followed.available() == {1})
    followed.reload(followed.config([3]))
    eventually(lambda: followed.states().get(3) == "END" and followed.available() == {1})


def _label(m: Served) -> str:
    return f"{m.server.rest}/v1/models/{m.name}/labels/stable/metadata"
