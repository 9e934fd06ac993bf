"""How soon a rollback is seen by who asks for the stable version.

    python -m tests.benchmarks.bench_deploy [ROUNDS]

A client asks all the time. Measured is from the start of the command, or of the write of the file, to the
first answer of the other version: `lodestar rollback` to a version that is still loaded and to one that is
not, and as peers the bare reload requests without the command, and the same server following a model config
file once a second. Prints seconds, and how many requests failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from components.deployment.config import Wanted, server_config_text
from components.deployment.fleet import FixedFleet
from components.deployment.rollout import Rollout
from components.deployment.state import Deployment, rolled_back
from components.deployment.store import FolderStore
from tests.contract.models import write_half_plus_two
from tests.contract.server_process import ServerProcess

FAMILY = "text-search"
TARGET_S = 2.0
PATIENCE_S = 60.0


class Client(threading.Thread):
    """Asks for the stable version all the time."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address))
        self._request = predict_pb2.PredictRequest()
        self._request.model_spec.name, self._request.model_spec.version_label = FAMILY, "stable"
        self._request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1.0])))
        self._changed = threading.Condition()
        self._version = 0
        self._ended = threading.Event()
        self.asked = self.failed = 0

    def run(self) -> None:
        while not self._ended.is_set():
            self.asked += 1
            try:
                version = self._stub.Predict(self._request, timeout=30).model_spec.version.value
            except grpc.RpcError:
                self.failed += 1
                continue
            if version != self._version:
                with self._changed:
                    self._version = version
                    self._changed.notify_all()

    def wait_for(self, version: int) -> float:
        """Return the time at which the version was first seen."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._version == version, PATIENCE_S):
                raise TimeoutError(f"version {version} was not seen within {PATIENCE_S:g} s")
        return perf_counter()

    def stop(self) -> None:
        self._ended.set()
        self.join()


@contextmanager
def asking(address: str) -> Iterator[Client]:
    client = Client(address)
    client.start()
    try:
        yield client
    finally:
        client.stop()


def command(home: Path, *arguments: str) -> None:
    environment = {**os.environ, "LODESTAR_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


def timed(client: Client, version: int, move: Callable[[], object]) -> float:
    started = perf_counter()
    mover = threading.Thread(target=move)
    mover.start()
    seconds = client.wait_for(version) - started
    mover.join()
    return seconds


def with_commands(home: Path, server: ServerProcess, rounds: int) -> dict[str, list[float]]:
    where = ("--server", server.grpc)
    times: dict[str, list[float]] = {"rollback": [], "rollback --to, not loaded": [], "reload requests": []}
    store = FolderStore(home / "serving")
    command(home, "deploy", FAMILY, "--version", "1", *where)
    with asking(server.grpc) as client, FixedFleet([server.grpc]) as fleet:
        for _ in range(rounds):
            command(home, "deploy", FAMILY, "--version", "2", *where)
            client.wait_for(2)
            times["rollback"].append(timed(client, 1, lambda: command(home, "rollback", FAMILY, *where)))
            back = lambda: command(home, "rollback", FAMILY, "--to", "2", *where)  # noqa: E731
            times["rollback --to, not loaded"].append(timed(client, 2, back))
            command(home, "deploy", FAMILY, "--version", "1", *where)
            client.wait_for(1)
            in_process = lambda: Rollout(FAMILY, store, fleet).run("rollback", rolled_back)  # noqa: E731
            times["reload requests"].append(timed(client, 2, in_process))
            command(home, "deploy", FAMILY, "--version", "1", *where)
            client.wait_for(1)
        report_failures(client)
    return times


def with_a_polled_file(home: Path, rounds: int) -> list[float]:
    file = home / "models.config"

    def write(stable: int, other: int) -> None:
        wanted = Wanted.of(FAMILY, Deployment(stable, previous=other))
        aside = home / ".models.config"
        aside.write_text(server_config_text([wanted], str(home / "serving")))
        aside.rename(file)

    write(1, 2)
    flags = [
        f"--model_config_file={file}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models=true",
    ]
    times = []
    with ServerProcess(None, flags=flags) as server, asking(server.grpc) as client:
        client.wait_for(1)
        # Until then, requests for a label whose version was still loading.
        client.asked = client.failed = 0
        for _ in range(rounds):
            times.append(timed(client, 2, lambda: write(2, 1)))
            times.append(timed(client, 1, lambda: write(1, 2)))
        report_failures(client)
    return times


def report_failures(client: Client) -> None:
    print(f"{client.asked} requests meanwhile, {client.failed} failed (target 0)")


def main(rounds: int = 10) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for version in (1, 2):
            write_half_plus_two(home / "serving" / FAMILY / str(version), float(version), version)
        with ServerProcess(home / "serving") as server:
            times = with_commands(home, server, rounds)
        times["model config file, polled (peer)"] = with_a_polled_file(home, rounds)
    print(f"{'seen after, s':<34}{'p50':>8}{'max':>8}")
    for name, values in times.items():
        target = f"  (target <= {TARGET_S:g})" if name == "rollback" else ""
        print(f"{name:<34}{np.median(values):8.2f}{max(values):8.2f}{target}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
