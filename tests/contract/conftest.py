"""Where the contract is checked: at LODESTAR_CONTRACT_URL when it is set, else at our server.

For another server, make the models with `python tests/contract/models.py FOLDER`, start the server with the
flags that it prints, and set LODESTAR_CONTRACT_URL=http://host:8501 and LODESTAR_CONTRACT_GRPC=host:8500.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import requests
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tests.contract.models import write_flags, write_models
from tests.contract.server_process import ServerProcess


@dataclass(frozen=True)
class Target:
    """The server under test."""

    rest: str
    grpc: str
    is_ours: bool

    def refuse_if_not_ours(self) -> None:
        """Skip the test for a server that need not share our deviations."""
        if not self.is_ours:
            pytest.skip("a deviation of our server")

    def call(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> requests.Response:
        """Send one request; the answer's body is not looked at."""
        data = body.encode() if isinstance(body, str) else body
        return requests.request(method, self.rest + path, data=data, headers=headers, timeout=30)

    def predict(self, model: str, body: str) -> dict[str, Any]:
        """Return the parsed body of a predict request that must succeed."""
        response = self.call("POST", f"/v1/models/{model}:predict", body)
        assert response.status_code == 200, response.text
        return response.json()

    def error(self, model: str, body: str) -> tuple[int, str]:
        """Return the HTTP status and the error text of a predict request that must fail."""
        response = self.call("POST", f"/v1/models/{model}:predict", body)
        assert response.status_code != 200, response.text
        return response.status_code, response.json()["error"]


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    url = os.environ.get("LODESTAR_CONTRACT_URL")
    if url:
        yield Target(url.rstrip("/"), os.environ["LODESTAR_CONTRACT_GRPC"], is_ours=False)
        return
    root = tmp_path_factory.mktemp("contract")
    write_models(root)
    with ServerProcess(None, flags=write_flags(root)) as server:
        yield Target(server.rest, server.grpc, is_ours=True)


@pytest.fixture(scope="session")
def channel(target: Target) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(target.grpc) as channel:
        yield channel


@pytest.fixture(scope="session")
def predictions(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def models(channel: grpc.Channel) -> Any:
    return model_service_pb2_grpc.ModelServiceStub(channel)
