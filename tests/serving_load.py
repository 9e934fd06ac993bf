"""Closed-loop clients of a model server: each sends its next request when the last one is answered.

They are threads (`Clients`), or processes of one thread each (`ClientProcesses`), which do not share their
interpreter's lock with each other or with who measures.
"""

from __future__ import annotations

import http.client
import json
import math
import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import numpy as np
import numpy.typing as npt
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

Array = npt.NDArray[np.float64]
Call = Callable[[], int]
MODEL = "half_plus_two"
SIGNATURE = "versioned"


@dataclass(frozen=True)
class Answer:
    """What came of one request.

    Attributes:
        at: When it was sent, in `perf_counter` seconds.
        seconds: How long it took.
        version: Which version answered; 0 when it failed.
        error: Empty, or what went wrong: `HTTP 503`, `UNAVAILABLE`, or the exception.
    """

    at: float
    seconds: float
    version: int
    error: str = ""


class Refused(Exception):
    """The server answered, with an error."""


def rest_call(
    address: str, model: str = MODEL, signature: str = SIGNATURE, values: Sequence[Any] = (1.0,)
) -> Call:
    """Return a request over one kept-alive connection that is opened again when the server closes it."""
    body = json.dumps({"signature_name": signature, "inputs": list(values)})
    path = f"/v1/models/{model}:predict"
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)

    def call() -> int:
        try:
            connection.request("POST", path, body)
            response = connection.getresponse()
            content = response.read()
        except Exception:
            connection.close()
            raise
        if response.status != 200:
            raise Refused(f"HTTP {response.status}")
        outputs = json.loads(content)["outputs"]
        return int(outputs["version"][0]) if "version" in outputs else 0

    return call


def grpc_call(
    address: str, model: str = MODEL, signature: str = SIGNATURE, values: Sequence[float] = (1.0,)
) -> Call:
    """Return a request over one channel."""
    # Without its own pool every client of a process would share one connection.
    channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=values)
    tensor.tensor_shape.dim.add(size=len(values))
    request.inputs["x"].CopyFrom(tensor)

    def call() -> int:
        try:
            return int(stub.Predict(request, timeout=60).model_spec.version.value)
        except grpc.RpcError as error:
            raise Refused(error.code().name) from error

    return call


def closed_loop(call: Call, stopped: Any, count: Any = None, pause: float = 0.0) -> list[Answer]:
    """Send requests until `stopped` is set and return what came of each.

    Args:
        call: Sends one and returns the version that answered.
        stopped: An Event.
        count: A shared number that follows how many were answered.
        pause: Seconds to wait after a refusal.
    """
    answers = []
    while not stopped.is_set():
        started = perf_counter()
        version, error = 0, ""
        try:
            version = call()
        except Refused as refusal:
            error = str(refusal)
            stopped.wait(pause)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            stopped.wait(pause)
        answers.append(Answer(started, perf_counter() - started, version, error))
        if count is not None:
            count.value += 1
    return answers


class Clients:
    """Clients in threads; `stop` returns what came of their requests, client by client.

    Args:
        calls: The request of each client.
        counts: Shared numbers that follow how many were answered, one for each client.
        pause: Seconds to wait after a refusal.
        stopped: An Event that ends them.
    """

    def __init__(
        self, calls: Sequence[Call], counts: Sequence[Any] = (), pause: float = 0.0, stopped: Any = None
    ) -> None:
        self.stopped = stopped or threading.Event()
        self.answers: list[list[Answer]] = [[] for _ in calls]
        self._threads = [
            threading.Thread(
                target=self._run, args=(number, call, counts[number : number + 1], pause), daemon=True
            )
            for number, call in enumerate(calls)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[list[Answer]]:
        """End the clients and return what came of their requests."""
        self.stopped.set()
        return self.join()

    def join(self) -> list[list[Answer]]:
        """Wait for the end and return what came of the requests."""
        for thread in self._threads:
            thread.join()
        return self.answers

    def _run(self, number: int, call: Call, counts: Sequence[Any], pause: float) -> None:
        count = counts[0] if counts else None
        self.answers[number] = closed_loop(call, self.stopped, count, pause)


class ClientProcesses:
    """Clients in processes, forked before anything of gRPC or TensorFlow runs here.

    Args:
        makers: Each makes the request of one client, in the client's process.
        per_process: Clients that share a process.
        pause: Seconds to wait after a refusal.
    """

    def __init__(
        self, makers: Sequence[Callable[[], Call]], per_process: int = 1, pause: float = 0.0
    ) -> None:
        context = multiprocessing.get_context("fork")
        self._stopped = context.Event()
        self._counts = [context.Value("q", 0, lock=False) for _ in makers]
        self._pipes, self._processes = [], []
        for first in range(0, len(makers), per_process):
            group = slice(first, first + per_process)
            receiving, sending = context.Pipe(duplex=False)
            arguments = (makers[group], self._counts[group], sending, pause)
            self._pipes.append(receiving)
            self._processes.append(context.Process(target=self._run, args=arguments, daemon=True))
        for process in self._processes:
            process.start()

    @property
    def count(self) -> int:
        """Return how many requests were answered or failed so far."""
        return sum(count.value for count in self._counts)

    def wait_for(self, count: int) -> None:
        """Return when so many were answered."""
        while self.count < count:
            assert all(process.is_alive() for process in self._processes)
            self._stopped.wait(0.01)

    def wait_seconds(self, seconds: float) -> None:
        """Let the clients go on for a while."""
        self._stopped.wait(seconds)

    def stop(self) -> list[list[Answer]]:
        """End the clients and return what came of their requests, client by client."""
        self._stopped.set()
        answers = [client for pipe in self._pipes for client in pipe.recv()]
        for process in self._processes:
            process.join()
        return answers

    def _run(
        self, makers: Sequence[Callable[[], Call]], counts: Sequence[Any], end: Any, pause: float
    ) -> None:
        calls = [make() for make in makers]
        end.send(Clients(calls, counts, pause, self._stopped).join())


def latencies(answers: Sequence[Sequence[Answer]], start: float = 0.0, end: float = math.inf) -> Array:
    """Return the milliseconds of the good answers to requests that were sent between two moments."""
    good = (answer for client in answers for answer in client if not answer.error)
    return np.array([1000 * answer.seconds for answer in good if start <= answer.at < end])


def errors(answers: Sequence[Sequence[Answer]]) -> Counter[str]:
    """Return how often each error came."""
    return Counter(answer.error for client in answers for answer in client if answer.error)


def steps_back(answers: Sequence[Sequence[Answer]]) -> int:
    """Return how often a client got an older version than before."""
    versions = ([answer.version for answer in client if not answer.error] for client in answers)
    return sum(later < earlier for seen in versions for earlier, later in pairwise(seen))
