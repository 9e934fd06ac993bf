"""A new configuration over gRPC: what is loaded, what goes, what is refused; exact messages."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

from tests.contract.models import publish_half_plus_two
from tests.contract.server_process import ServerProcess
from tests.contract.test_lifecycle import Model, eventually

pytestmark = pytest.mark.skipif(
    "LODESTAR_CONTRACT_URL" in os.environ, reason="the configuration of that server is not ours to change"
)

FAILED, INVALID = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    root = tmp_path_factory.mktemp("reload")
    path = root / "models.config"
    # Nothing to begin with: every test brings a configuration of its own.
    path.write_text("model_config_list {}")
    flags = [
        f"--model_config_file={path}",
        "--file_system_poll_wait_seconds=0.02",
        "--max_num_load_retries=0",
        "--num_load_threads=2",
    ]
    with ServerProcess(None, flags=flags) as running:
        yield running


class Served(Model):
    """A model of the server whose configuration the test writes."""

    def config(self, versions=None, policy="", labels=None, **fields):
        if versions is not None:
            policy = f"specific {{ {' '.join(f'versions: {version}' for version in versions)} }}"
        lines = [f'name: "{self.name}"', f'base_path: "{fields.get("base_path", self.folder)}"']
        lines.append(f'model_platform: "{fields.get("platform", "tensorflow")}"')
        lines.append(f"model_version_policy {{ {policy} }}" if policy else "")
        lines += [f'version_labels {{ key: "{label}" value: {n} }}' for label, n in (labels or {}).items()]
        return f"config {{ {' '.join(lines)} }}"

    def reload(self, *configs, timeout=30):
        request = model_management_pb2.ReloadConfigRequest()
        text_format.Parse(f"model_config_list {{ {' '.join(configs)} }}", request.config)
        with grpc.insecure_channel(self.server.grpc) as channel:
            model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(
                request, timeout=timeout
            )

    def refused(self, *configs, timeout=30):
        with pytest.raises(grpc.RpcError) as caught:
            self.reload(*configs, timeout=timeout)
        return caught.value.code(), caught.value.details()

    def slope_of(self, which=""):
        path = f"/v1/models/{self.name}{which}:predict"
        response = self.call(path, '{"instances": [1.0]}')
        assert response.status_code == 200, response.text
        return response.json()["predictions"][0] - 2.0

    def available(self):
        return {version for version, state in self.states().items() if state == "AVAILABLE"}

    def wait_until(self, *versions):
        eventually(lambda: self.available() == set(versions))


@pytest.fixture
def model(server: ServerProcess, tmp_path: Path, request: pytest.FixtureRequest) -> Served:
    return Served(server, tmp_path / request.node.originalname.removeprefix("test_")[:40])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exported")
    for version in (1, 2, 3):
        publish_half_plus_two(root, version, slope=float(version))
    return root


@pytest.fixture
def three(model: Served, exported: Path) -> Served:
    """Versions 1, 2 and 3 of a model; each answers with its number as the slope."""
    shutil.copytree(exported, model.folder)
    return model


def test_each_policy_serves_the_versions_that_it_names(three):  # V2
    three.reload(three.config())
    three.wait_until(3)
    three.reload(three.config(policy="latest { num_versions: 2 }"))
    three.wait_until(2, 3)
    three.reload(three.config(policy="all {}"))
    three.wait_until(1, 2, 3)
    three.reload(three.config([1, 3]))
    three.wait_until(1, 3)


def test_listed_version_that_is_not_there_is_waited_for(three):
    three.reload(three.config([3, 4]))
    three.wait_until(3)
    three.server.wait_for_detail("missing", f"Version 4 of servable {three.name}")
    three.publish(4)
    three.wait_until(3, 4)


def test_reload_returns_when_a_new_model_is_available_and_drops_the_others(three, tmp_path):  # L1
    three.reload(three.config())
    other = Served(three.server, tmp_path / "other")
    other.publish(1)
    three.reload(other.config())
    assert other.slope() == 0.5
    three.server.wait_for("unloaded", three.name, 3)
    assert three.post("serving_default", 1.0).status_code == 404


def test_missing_base_path_changes_nothing_for_any_model(three, tmp_path):  # V3
    lost = Served(three.server, tmp_path / "lost")
    lost.publish(1)
    three.reload(three.config([1]), lost.config())
    shutil.move(lost.folder, tmp_path / "aside")
    three.server.wait_for_detail("missing", f"Could not find base path {lost.folder} for servable lost")
    three.reload(three.config([2]), lost.config())
    assert (lost.available(), three.available()) == ({1}, {1})
    shutil.move(tmp_path / "aside", lost.folder)
    three.wait_until(2)
    assert lost.available() == {1}


def test_model_listed_twice_is_refused(three):  # L2
    three.reload(three.config([1]))
    answer = three.refused(three.config([2]), three.config([3]))
    assert answer == (INVALID, f"Illegal to list model {three.name} multiple times in config list")
    assert three.available() == {1}


def test_relative_base_path_is_refused(three):  # L3
    answer = three.refused(three.config(base_path="here/m"))
    assert answer == (
        INVALID,
        f"Expected model {three.name} to have an absolute path or URI; got base_path()=here/m",
    )


def test_change_of_platform_is_refused(three):  # L4
    three.reload(three.config([1]))
    answer = three.refused(three.config([2], platform="tflite"))
    assert answer == (
        INVALID,
        f"Illegal to change a model's platform. For model {three.name} platform was tensorflow and new"
        " platform requested is tflite",
    )
    assert three.available() == {1}


def test_model_that_does_not_load_is_the_answer(three):  # L5
    (three.folder / "3" / "saved_model.pb").write_bytes(b"\n\x03")
    code, message = three.refused(three.config())
    assert code is grpc.StatusCode.UNKNOWN
    version = f"{{name: {three.name} version: 3}}"
    assert message.startswith(f"1 model(s) did not become available: {{{{{version} due to error: DATA_LOSS: ")


def test_reload_of_a_model_without_versions_waits_as_long_as_the_client(model):  # L6
    model.folder.mkdir()
    code, _ = model.refused(model.config(), timeout=0.5)
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    model.publish(1)
    model.wait_until(1)


def test_label_moves_only_to_a_version_that_is_loaded(three):  # L7
    three.reload(three.config([1]))
    three.reload(three.config([1], labels={"stable": 1}))
    answer = three.refused(three.config([1, 2], labels={"stable": 2}))
    assert answer == (
        FAILED,
        f"Request to assign label to version 2 of model {three.name}, which is not currently available for"
        " inference",
    )
    assert (three.available(), three.slope_of("/labels/stable")) == ({1}, 1.0)


def test_two_reloads_move_a_label_without_a_gap(three):  # L8
    three.reload(three.config([1]))
    three.reload(three.config([1], labels={"stable": 1}))
    three.reload(three.config([1, 2], labels={"stable": 1}))
    three.wait_until(1, 2)
    assert three.slope_of("/labels/stable") == 1.0
    three.reload(three.config([1, 2], labels={"stable": 2}))
    assert three.slope_of("/labels/stable") == 2.0
    three.reload(three.config([1, 2], labels={"stable": 1}))
    assert three.slope_of("/labels/stable") == 1.0


def test_label_that_is_not_listed_any_more_is_unknown(three):
    three.reload(three.config([1]))
    three.reload(three.config([1], labels={"stable": 1}))
    three.reload(three.config([1]))
    response = three.call(f"/v1/models/{three.name}/labels/stable:predict", '{"instances": [1.0]}')
    assert response.json() == {"error": "Unrecognized servable version label: stable"}


def test_rollback_while_a_version_loads_leaves_all_as_it_was(three):  # X15
    three.reload(three.config([1]))
    three.reload(three.config([1], labels={"stable": 1}))
    three.reload(three.config([1, 3], labels={"stable": 1}))
    three.reload(three.config([1], labels={"stable": 1}))
    assert three.slope_of("/labels/stable") == 1.0
    three.wait_until(1)
    assert three.slope_of() == 1.0


def test_broken_version_beside_the_stable_one_ends_with_its_reason(three):
    (three.folder / "2" / "saved_model.pb").write_bytes(b"\n\x03")
    three.reload(three.config([1]))
    three.reload(three.config([1], labels={"stable": 1}))
    three.reload(three.config([1, 2], labels={"stable": 1}))
    three.server.wait_for("failed", three.name, 2)
    assert three.states() == {1: "AVAILABLE", 2: "END"}
    assert three.slope_of("/labels/stable") == 1.0
    code, _ = three.refused(three.config([1, 2], labels={"stable": 2}))
    assert code is FAILED


def test_requests_never_miss_while_the_configuration_changes(three):
    three.reload(three.config([1]))
    three.reload(three.config([1], labels={"stable": 1}))
    stopped, failures, answered = threading.Event(), [], []

    def ask():
        while not stopped.is_set():
            response = three.call(f"/v1/models/{three.name}/labels/stable:predict", '{"instances": [1.0]}')
            (answered if response.status_code == 200 else failures).append(response.text)

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    for old, new in [(1, 2), (2, 3), (3, 1)]:
        three.reload(three.config([old, new], labels={"stable": old}))
        three.wait_until(old, new)
        three.reload(three.config([old, new], labels={"stable": new}))
        three.reload(three.config([new], labels={"stable": new}))
        three.wait_until(new)
    stopped.set()
    for client in clients:
        client.join()
    assert (failures, len(answered) > 3) == ([], True)


def test_status_of_a_label_is_that_of_its_version(three):
    three.reload(three.config([1, 2]))
    three.wait_until(1, 2)
    three.reload(three.config([1, 2], labels={"stable": 1}))
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name, request.model_spec.version_label = three.name, "stable"
    with grpc.insecure_channel(three.server.grpc) as channel:
        answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request)
    assert [status.version for status in answer.model_version_status] == [1]


def test_root_mode_takes_no_base_path_outside_its_root(tmp_path):  # L9
    root = tmp_path / "root"
    publish_half_plus_two(_made(root / "inside"), 1)
    publish_half_plus_two(_made(tmp_path / "outside"), 1)
    with ServerProcess(root) as server:
        inside, outside = Served(server, root / "inside"), Served(server, tmp_path / "outside")
        code, message = inside.refused(outside.config())
        assert code is INVALID
        assert message.startswith(f"Expected model outside to have a base path below {root};")
        inside.reload(inside.config([1], labels={}))
        inside.reload(inside.config([1], labels={"stable": 1}))
        assert inside.slope_of("/labels/stable") == 0.5
        # What the request leaves out goes on as the root says.
        publish_half_plus_two(_made(root / "later"), 1)
        server.wait_for("loaded", "later", 1)
        inside.reload()
        assert inside.slope_of() == 0.5
        assert server.stop() == 0


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
