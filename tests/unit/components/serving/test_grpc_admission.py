from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import grpc
import pytest

from components.serving.grpc_admission import CountingPool, Shedding
from components.serving.limits import Admission

PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"


class Echo(grpc.GenericRpcHandler):
    """Answers every method with its request, after the gate opens; bytes `bad` cannot be read."""

    def __init__(self) -> None:
        self.gate, self.entered = threading.Event(), threading.Semaphore(0)

    def service(self, details: Any) -> grpc.RpcMethodHandler:
        held = details.method == PREDICT
        return grpc.unary_unary_rpc_method_handler(self._held if held else self._at_once, self._read)

    def _held(self, request: bytes, context: Any) -> bytes:
        self.entered.release()
        assert self.gate.wait(20)
        return request

    def _at_once(self, request: bytes, context: Any) -> bytes:
        return request

    def _read(self, request: bytes) -> bytes:
        if request == b"bad":
            raise ValueError
        return request


class Server:
    """One thread, room for one request that waits."""

    def __init__(self) -> None:
        self.admission = Admission(threads=1, most_queued=1, patience_seconds=3600)
        self.echo = Echo()
        pool = CountingPool(1, self.admission)
        self.shedding = Shedding(self.admission)
        self.server = grpc.server(pool, interceptors=[self.shedding])
        self.server.add_generic_rpc_handlers([self.echo])
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")

    def ask(self, method: str, request: bytes = b"x") -> Future[bytes]:
        return self.channel.unary_unary(method).future(request, timeout=20)

    def full(self) -> list[Future[bytes]]:
        """Return a request that runs and one that waits."""
        running = self.ask(PREDICT)
        assert self.echo.entered.acquire(timeout=20)
        waiting = self.ask(PREDICT)
        while self.admission.inside < 2:
            threading.Event().wait(0.001)
        return [running, waiting]


@pytest.fixture
def server():
    made = Server()
    yield made
    made.echo.gate.set()
    made.channel.close()
    made.server.stop(None).wait()


def test_request_beyond_the_queue_is_refused_while_the_queue_stands(server):
    inside = server.full()
    refused = server.ask(PREDICT).exception(timeout=20)
    assert refused.code() is grpc.StatusCode.UNAVAILABLE
    assert refused.details() == "The server is busy: 1 requests wait. Try again later."
    assert not any(future.done() for future in inside)
    server.echo.gate.set()
    assert [future.result() for future in inside] == [b"x", b"x"]
    assert server.ask(PREDICT).result() == b"x"


@pytest.mark.parametrize("method", [METADATA, STATUS])
def test_control_calls_do_not_wait_behind_predictions(server, method):
    server.full()
    assert server.ask(method).result(timeout=20) == b"x"


def test_requests_that_never_run_are_counted_out(server):
    server.echo.gate.set()
    for _ in range(5):
        assert server.ask(PREDICT, b"bad").exception(timeout=20).code() is grpc.StatusCode.INTERNAL
    assert server.ask(PREDICT).result(timeout=20) == b"x"
    while server.admission.inside:
        threading.Event().wait(0.001)


def test_draining_refuses_new_requests_and_finishes_the_others(server):
    inside = server.full()
    server.shedding.drain()
    assert server.ask(PREDICT).exception(timeout=20).details() == "The server is shutting down."
    assert server.ask(STATUS).result(timeout=20) == b"x"
    server.echo.gate.set()
    assert [future.result() for future in inside] == [b"x", b"x"]


def test_unknown_method_is_unimplemented(server):
    server.echo.service = lambda details: None
    assert server.ask("/a/b").exception(timeout=20).code() is grpc.StatusCode.UNIMPLEMENTED
