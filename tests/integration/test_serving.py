"""The model server as a process: swaps under load, limits, shutdown, and the client that asks it."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from components import artifact
from components.errors import InputError, LodestarError
from components.serving import client, server
from components.serving.grpc_api import MAX_MESSAGE_BYTES
from components.serving.status import State
from tests.contract.models import publish_half_plus_two, write_half_plus_two, write_models
from tests.contract.server_process import ServerProcess

CLIENTS = 4
SWAPS = 8


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    root = tmp_path_factory.mktemp("serving")
    write_models(root)
    with ServerProcess(root) as process:
        yield process


def predict(running: ServerProcess, body: bytes, **headers: str) -> requests.Response:
    url = f"{running.rest}/v1/models/half_plus_two:predict"
    return requests.post(url, data=body, headers=headers, timeout=30)


# --- hot swap ---


class Clients:
    """Closed-loop clients, half REST and half gRPC, that note failures and the versions that answered."""

    def __init__(self, running: ServerProcess, model: str) -> None:
        self.running, self.model = running, model
        self.failures: list[str] = []
        self.versions: list[list[int]] = [[] for _ in range(CLIENTS)]
        self._stop = threading.Event()
        kinds = (self._rest, self._grpc)
        self._threads = [threading.Thread(target=kinds[i % 2], args=(i,)) for i in range(CLIENTS)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def requests(self) -> int:
        return sum(map(len, self.versions)) + len(self.failures)

    def wait_for_version(self, version: int) -> None:
        deadline = time.monotonic() + 30
        while not all(seen[-1:] == [version] for seen in self.versions):
            assert time.monotonic() < deadline, [seen[-1:] for seen in self.versions]
            time.sleep(0.02)

    def _rest(self, index: int) -> None:
        url = f"{self.running.rest}/v1/models/{self.model}:predict"
        with requests.Session() as session:
            while not self._stop.is_set():
                response = session.post(
                    url, json={"signature_name": "versioned", "instances": [1.0]}, timeout=30
                )
                if response.status_code == 200:
                    self.versions[index].append(response.json()["predictions"][0]["version"])
                else:
                    self.failures.append(response.text)

    def _grpc(self, index: int) -> None:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = self.model
        request.model_spec.signature_name = "versioned"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1.0])))
        with grpc.insecure_channel(self.running.grpc) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not self._stop.is_set():
                try:
                    response = stub.Predict(request, timeout=30)
                except grpc.RpcError as error:
                    self.failures.append(str(error))
                else:
                    assert response.outputs["version"].int64_val[0] == response.model_spec.version.value
                    self.versions[index].append(response.model_spec.version.value)


def test_swaps_under_load_fail_no_request_and_versions_never_go_back(tmp_path):
    folder = tmp_path / "swapped"
    publish_half_plus_two_version(folder, 1)
    with ServerProcess(tmp_path, poll_seconds=0.02) as running, Clients(running, "swapped") as clients:
        for version in range(2, SWAPS + 2):
            corrupt = version % 4 == 0
            publish_half_plus_two_version(folder, version, corrupt=corrupt)
            running.wait_for("failed" if corrupt else "loaded", "swapped", version)
        clients.wait_for_version(SWAPS + 1)
    assert clients.failures == []
    assert clients.requests() > 100
    for seen in clients.versions:
        assert seen == sorted(seen)
        assert not {4, 8} & set(seen)
        assert len(set(seen)) > 2


def publish_half_plus_two_version(folder: Path, version: int, corrupt: bool = False) -> None:
    staged = write_half_plus_two(folder / f".staging-{version}", version=version)
    if corrupt:
        (staged / "variables" / "variables.index").write_bytes(b"")
    staged.rename(folder / str(version))


def test_versions_published_by_the_pusher_are_served(tmp_path):
    exported = write_half_plus_two(tmp_path / "exported", slope=4.0)
    (exported / artifact.MANIFEST).unlink()
    root = tmp_path / "root"
    with ServerProcess(root, poll_seconds=0.05) as running:
        running.wait_for("waiting")
        with pytest.raises(LodestarError, match="not served"):
            client.predict(running.rest, "pushed", {"x": [1.0]})
        artifact.publish(exported, root / "pushed", {})
        running.wait_for("loaded", "pushed", 1)
        assert client.predict(running.rest, "pushed", {"x": [1.0, 2.0]}) == {"y": [6.0, 10.0]}
        artifact.publish(exported, root / "pushed", {})
        running.wait_for("unloaded", "pushed", 1)
        states = [(entry.version, entry.state) for entry in client.status(running.rest, "pushed")]
        assert states == [(2, State.AVAILABLE), (1, State.END)]


def test_restart_with_a_broken_newest_version_serves_the_one_before(tmp_path):
    folder = tmp_path / "half"
    publish_half_plus_two_version(folder, 1)
    publish_half_plus_two_version(folder, 2, corrupt=True)
    with ServerProcess(tmp_path) as running:
        states = [(entry.version, entry.state) for entry in client.status(running.rest, "half")]
        assert states == [(2, State.END), (1, State.AVAILABLE)]
        assert client.predict(running.rest, "half", {"x": [1.0]}) == {"y": [2.5]}


def test_root_that_goes_away_unloads_nothing(tmp_path):
    root = tmp_path / "root"
    (root / "half").mkdir(parents=True)
    publish_half_plus_two(root / "half", 1)
    with ServerProcess(root, poll_seconds=0.02) as running:
        root.rename(tmp_path / "away")
        time.sleep(0.2)
        assert client.predict(running.rest, "half", {"x": [1.0]}) == {"y": [2.5]}
        (tmp_path / "away").rename(root)
        shutil.rmtree(root / "half" / "1")
        running.wait_for("unloaded", "half", 1)


# --- limits: where the server deliberately differs from TensorFlow Serving ---


@pytest.mark.parametrize("depth", [65, 500_000])
def test_json_deeper_than_the_limit_is_refused(running, depth):
    body = f'{{"instances": {"[" * depth}{"]" * depth}}}'
    response = predict(running, body.encode())
    assert (response.status_code, "deeper than 64" in response.json()["error"]) == (400, True)


def test_body_over_the_limit_is_refused_before_it_is_read(running):
    host, port = running.rest.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_chunked_body_over_the_limit_is_refused(running):
    def chunks() -> Iterator[bytes]:
        for _ in range(17):
            yield b" " * 2**20

    try:
        response = predict(running, chunks())
    except requests.ConnectionError:
        pass  # the server hung up while the rest was still being sent
    else:
        assert response.status_code == 413
    assert predict(running, b'{"instances": [1.0]}').status_code == 200


def test_gzip_bomb_is_refused(running):
    bomb = gzip.compress(bytes(65 * 2**20))
    response = predict(running, bomb, **{"Content-Encoding": "gzip"})
    assert (response.status_code, "decompressed" in response.json()["error"]) == (413, True)


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"{}" * 1000)[:-9]])
def test_broken_gzip_is_refused(running, body):
    response = predict(running, body, **{"Content-Encoding": "gzip"})
    assert (response.status_code, "gzip" in response.json()["error"]) == (400, True)


def test_integer_that_does_not_fit_is_refused(running):
    body = {"signature_name": "small", "inputs": [300]}
    response = requests.post(f"{running.rest}/v1/models/pair:predict", json=body, timeout=30)
    assert response.json() == {"error": "JSON Value: 300 Type: Number is not of expected type: int8"}


def test_echo_of_a_large_value_is_cut(running):
    body = json.dumps({"instances": [1.0], "inputs": [[[[0.0]] * 10_000]]})
    assert len(predict(running, body.encode()).content) < 3000


def test_message_that_unfolds_to_a_huge_tensor_is_refused(running):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half_plus_two"
    request.inputs["x"].dtype = tf.float32.as_datatype_enum
    request.inputs["x"].tensor_shape.dim.add(size=2**40)
    request.inputs["x"].float_val.append(1.0)
    with grpc.insecure_channel(running.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request)
    assert (caught.value.code().name, caught.value.details()) == (
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    )


def test_grpc_message_over_the_limit_is_refused(running):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half_plus_two"
    request.inputs["x"].tensor_content = bytes(MAX_MESSAGE_BYTES + 1)
    with grpc.insecure_channel(running.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request)
    assert caught.value.code().name == "RESOURCE_EXHAUSTED"


# --- start and stop ---


def test_sigterm_finishes_the_requests_under_way_and_exits_with_0(tmp_path):
    write_half_plus_two(tmp_path / "half" / "1")
    with ServerProcess(tmp_path) as running:
        answers: list[requests.Response] = []
        body = {"signature_name": "slow", "instances": [200_000.0]}
        url = f"{running.rest}/v1/models/half:predict"
        slow = threading.Thread(target=lambda: answers.append(requests.post(url, json=body, timeout=60)))
        slow.start()
        wait_until_busy(running)
        code = running.stop()
        slow.join()
    assert (code, answers[0].status_code, answers[0].json()) == (0, 200, {"predictions": [200_000.0]})
    assert [event["kind"] for event in running.events][-1] == "stopped"


def wait_until_busy(running: ServerProcess) -> None:
    # The slow request has reached the model when the process burns CPU for it.
    stat = Path(f"/proc/{running.process.pid}/stat")
    started = int(stat.read_text().split()[13])
    deadline = time.monotonic() + 30
    while int(stat.read_text().split()[13]) - started < 10:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("flag", ["rest", "grpc"])
def test_taken_port_names_the_port_and_the_flag(tmp_path, flag):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = {"rest_api_port": 0, "port": 0, {"rest": "rest_api_port", "grpc": "port"}[flag]: port}
        with pytest.raises(InputError) as caught:
            server.serve(server.ServerOptions(root=tmp_path, **ports), print)
    assert f":{port}" in caught.value.problem
    assert f"--{flag}-port" in caught.value.cure


# --- client ---


def test_client_gets_every_output_by_name(running):
    answer = client.predict(running.rest, "pair", {"a": [[1.0, 2.0]], "b": [1]})
    assert answer == {"total": [3.0], "next": [2]}


def test_client_names_the_only_output(running):
    answer = client.predict(running.rest, "text", {"text": ["a"]}, signature_name="echo")
    assert answer == {"text": ["a"]}


def test_client_takes_what_is_no_strict_json(running):
    answer = client.predict(running.rest, "half_plus_two", {"x": [math.inf, -math.inf]})
    assert answer == {"y": [math.inf, -math.inf]}


def test_client_says_what_the_server_refused(running):
    with pytest.raises(LodestarError) as caught:
        client.predict(running.rest, "half_plus_two", {"x": ["a"]})
    assert "is not of expected type: float" in caught.value.problem


def test_client_says_how_to_push_a_model_that_is_not_served(running):
    with pytest.raises(LodestarError) as caught:
        client.status(running.rest, "text-search")
    assert "`lodestar run text-search`" in caught.value.cure


def test_client_starts_without_tensorflow():
    code = (
        "import sys, components.serving.client, components.serving.server; print('tensorflow' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"
