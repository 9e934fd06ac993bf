from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from components.serving.health import Health

Status = health_pb2.HealthCheckResponse


@pytest.fixture
def served():
    server = grpc.server(ThreadPoolExecutor(2))
    health = Health(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield health, health_pb2_grpc.HealthStub(channel)
    server.stop(None).wait()


def test_health_follows_the_server(served):
    health, stub = served
    request = health_pb2.HealthCheckRequest()
    seen = [stub.Check(request).status]
    health.start()
    seen.append(stub.Check(request).status)
    health.stop()
    seen.append(stub.Check(request).status)
    assert seen == [Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING]


def test_who_watches_is_told_of_the_end(served):
    health, stub = served
    health.start()
    watched = stub.Watch(health_pb2.HealthCheckRequest())
    assert next(watched).status == Status.SERVING
    health.stop()
    assert next(watched).status == Status.NOT_SERVING
    watched.cancel()
