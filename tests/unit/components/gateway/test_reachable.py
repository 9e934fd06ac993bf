"""Whether the gateway is ready: some replica of some family accepts connections."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from components.gateway.predictor import Predictor
from components.gateway.servers import Servers

NOBODY = "127.0.0.1:1"


@pytest.fixture
def somebody() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_one_family_that_is_away_leaves_the_gateway_ready_for_the_others(somebody: str) -> None:
    predictor = Predictor(Servers.parse([f"here={somebody}", f"away={NOBODY}"]))
    assert predictor.reachable(timeout=30.0)
    assert predictor.reachable(timeout=30.0)
    predictor.close()


def test_without_any_server_the_gateway_is_not_ready() -> None:
    predictor = Predictor(Servers.parse([f"away={NOBODY}"]))
    assert not predictor.reachable(timeout=0.05)
    predictor.close()
