"""A real model server with toy models, and a gateway in front of it, for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.gateway.servers import Servers
from components.gateway.settings import GatewaySettings
from tests import gateway_models as toys
from tests.contract.server_process import ServerProcess
from tests.gateway_client import RECOMMENDER, SEARCH, Client, running


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("gateway")
    serving = base / "serving"
    search = toys.write_search_examples(base / "search")
    for _ in range(2):
        toys.publish(serving, SEARCH, search)
    toys.publish(serving, RECOMMENDER, toys.write_recommender_examples(base / "recommender"))
    toys.publish(serving, "toy-pictures")
    toys.publish(serving, "toy-plain")
    toys.publish_shards(serving, 3)
    toys.pin(serving, toy_search={"stable": 1, "canary": {"version": 2, "percent": 0}})
    return serving


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[ServerProcess]:
    with ServerProcess(root) as process:
        yield process


@pytest.fixture(scope="module")
def settings(root: Path, server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> GatewaySettings:
    base = tmp_path_factory.mktemp("home")
    return GatewaySettings(
        servers=Servers(server.grpc),
        serving=root,
        feedback=base / "feedback",
        state=base / "state",
        deployments=root / "deployments.json",
        rate_limit="",
    )


@pytest.fixture(scope="module")
def client(settings: GatewaySettings) -> Iterator[Client]:
    with running(replace(settings, import_catalogue=False)) as started:
        started.gateway.follower.look()
        yield started
