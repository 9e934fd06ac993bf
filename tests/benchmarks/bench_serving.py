"""How much the model server adds to a call of the loaded signature.

    python -m tests.benchmarks.bench_serving [ROUNDS]

One process asks, one serves, on the same machine; in-process and remote calls alternate, so that other load
falls on both. Prints p50 and p99 per call in milliseconds and the overhead of each API at p50. The line JSON
is what the client alone spends on writing and reading its JSON, a part of the overhead of REST.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tests.contract.models import VERSION, write_models
from tests.contract.server_process import ServerProcess

WARM_UP = 50
TARGETS = {"REST": 1.5, "gRPC": 1.0}


def in_process(folder: Path, values: np.ndarray) -> Callable[[], object]:
    """Return a call of the signature as a Python program would make it."""
    loaded = tf.saved_model.load(str(folder))
    signature = loaded.signatures["serving_default"]
    # The loaded object owns the variables: the call keeps it alive.
    return lambda: (loaded, signature(x=tf.constant(values))["y"].numpy())


def over_rest(address: str, values: np.ndarray) -> Callable[[], object]:
    """Return a call over one kept-alive connection, JSON on both sides included."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"))

    def call() -> object:
        body = json.dumps({"inputs": {"x": values.tolist()}})
        connection.request("POST", "/v1/models/half_plus_two:predict", body)
        return json.loads(connection.getresponse().read())["outputs"]

    return call


def over_grpc(address: str, values: np.ndarray) -> Callable[[], object]:
    """Return a call over one channel, tensors as messages on both sides included."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address))

    def call() -> object:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "half_plus_two"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(values))
        return tf.make_ndarray(stub.Predict(request).outputs["y"])

    return call


def json_alone(values: np.ndarray) -> Callable[[], object]:
    """Return the client's part of a call over REST: JSON of the request written, of the answer read."""
    answer = json.dumps({"outputs": values.tolist()})
    return lambda: (json.dumps({"inputs": {"x": values.tolist()}}), json.loads(answer))


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Return milliseconds per call, the calls taking turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for round_number in range(rounds + WARM_UP):
        for name, call in calls.items():
            started = perf_counter()
            call()
            if round_number >= WARM_UP:
                times[name].append(1000 * (perf_counter() - started))
    return {name: np.array(values) for name, values in times.items()}


def report(size: int, times: dict[str, np.ndarray]) -> None:
    base = float(np.median(times["in-process"]))
    for name, values in times.items():
        p50, p99 = np.percentile(values, [50, 99])
        over = f"  overhead {p50 - base:6.2f} ms" if name in TARGETS else ""
        target = f" (target <= {TARGETS[name]} ms)" if name in TARGETS and size == 1 else ""
        print(f"{size:>5} floats  {name:<10} p50 {p50:6.2f} ms  p99 {p99:6.2f} ms{over}{target}")


def main(rounds: int = 1000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_models(root)
        with ServerProcess(root) as server:
            for size in (1, 1000):
                values = np.random.default_rng(0).random(size, dtype=np.float32)
                calls = {
                    "in-process": in_process(root / "half_plus_two" / f"{VERSION:08d}", values),
                    "REST": over_rest(server.rest, values),
                    "gRPC": over_grpc(server.grpc, values),
                    "JSON": json_alone(values),
                }
                report(size, measure(calls, rounds))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
