"""Whether the gateway is ready: some replica of some family accepts connections, or does again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from components.gateway import predictor as module
from components.gateway.predictor import Predictor, PredictorError
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


def test_connections_that_stay_silent_are_made_anew_and_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SILENCE_S", 0.0)
    predictor = Predictor(Servers.parse([f"away={NOBODY}"]))
    opened = set()
    for _ in range(30):
        with pytest.raises(PredictorError, match="UNAVAILABLE"):
            predictor.versions("away", timeout=0.02)
        opened |= {id(one.budget) for one in predictor._connections.values()}
    # The bound on retries outlives the connection.
    assert len(opened) == 1
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(30):
        assert not predictor.reachable(timeout=0.01)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 10
    predictor.close()
