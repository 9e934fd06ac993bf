"""A gateway in front of a model server, and an HTTP client of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import uvicorn

from components.gateway.app import create_app
from components.gateway.gateway import Gateway
from components.gateway.settings import GatewaySettings
from components.serving.ports import bind
from tests import gateway_models as toys

SEARCH, RECOMMENDER = "toy-search", "toy-recommender"


class Client:
    """An HTTP client of one gateway."""

    def __init__(self, url: str, gateway: Gateway) -> None:
        self.url, self.gateway = url, gateway
        self.session = requests.Session()

    def __call__(self, method: str, path: str, **named: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=30, **named)

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        response = self("GET", path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()

    def ids(self, path: str, **parameters: Any) -> list[str]:
        return [result["id"] for result in self.get(path, **parameters)["results"]]

    def error(self, method: str, path: str, **named: Any) -> tuple[int, str, str | None]:
        response = self(method, path, **named)
        error = response.json()["error"]
        assert error["message"].strip()
        return response.status_code, error["code"], error["field"]

    def feedback(self, *events: dict[str, Any]) -> dict[str, int]:
        response = self("POST", "/v1/feedback", json={"events": list(events)})
        assert response.status_code == 202, response.text
        return response.json()


@contextmanager
def running(settings: GatewaySettings) -> Iterator[Client]:
    """Serve in a thread, on a socket of its own."""
    gateway = Gateway.make(settings, toys.FAMILIES)
    listener = bind("127.0.0.1", 0, "--port")
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(create_app(gateway), log_config=None, server_header=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Client(f"http://127.0.0.1:{listener.getsockname()[1]}", gateway)
    finally:
        server.should_exit = True
        thread.join(30)
