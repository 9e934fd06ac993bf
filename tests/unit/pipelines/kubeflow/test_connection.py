"""What becomes of refusals and silence; a small server answers with what API servers answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from components.errors import InputError, LodestarError
from pipelines.kubeflow import connection
from pipelines.kubeflow.connection import AlreadyExists, NotFound, Unreachable, connect

FORBIDDEN = {
    "kind": "Status",
    "message": 'services "ml-pipeline:http" is forbidden: User "jane" cannot get resource "services/proxy"',
}


class Answer(BaseHTTPRequestHandler):
    """Gives the server's one answer to everything."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("authorization")))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        server.asked, server.answer = [], (200, {"multi_user": False})
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*connection.HOST_VARIABLES, connection.TOKEN_VARIABLE, "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(variable, raising=False)


def url(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            (401, {"message": "Unauthorized"}),
            LodestarError,
            ("refuses", "Unauthorized", "LODESTAR_KFP_TOKEN"),
        ),
        ((403, FORBIDDEN), LodestarError, ("refuses", 'User "jane"', "ask for the role")),
        ((404, b"404 page not found"), NotFound, ("404 page not found", "Check the address")),
        ((503, {"message": "no endpoints available"}), Unreachable, ("not ready", "no endpoints", "kubectl")),
        ((409, {"error": "x already exist", "code": 6}), AlreadyExists, ("has it already", "already exist")),
        ((500, {"error": "Internal", "code": 13}), LodestarError, ("answered 500", "Internal")),
        ((502, b"<html>bad gateway</html>"), LodestarError, ("answered 502", "bad gateway")),
        ((500, b""), LodestarError, ("answered 500",)),
        ((500, b"[1]"), LodestarError, ("answered 500", "[1]")),
    ],
)
def test_refusal_becomes_one_clear_error(
    server: HTTPServer, answer: tuple[int, Any], kind: type[LodestarError], words: tuple[str, ...]
) -> None:
    server.answer = answer
    with pytest.raises(LodestarError) as error:
        connect(url(server), "kubeflow")
    assert type(error.value) is kind
    assert error.value.exit_code == 1
    assert url(server) in error.value.problem
    assert [word for word in words if word not in str(error.value)] == []


def test_silence_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Bound and not listening: every connection is refused.
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable, match=r"does not answer: .*refused"):
            connect(address, "kubeflow")


@pytest.mark.parametrize("host", ["localhost:8888", "ftp://h", "http://", "not a url"])
def test_address_that_is_none_is_the_callers_error(host: str) -> None:
    with pytest.raises(InputError, match="not an address"):
        connect(host, "kubeflow")


@pytest.mark.parametrize("variable", connection.HOST_VARIABLES)
def test_environment_names_the_address(
    server: HTTPServer, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, url(server) + "/")
    assert connect(None, "kubeflow").server == url(server)


def test_option_wins_over_the_environment(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(connection.HOST_VARIABLES[0], "http://127.0.0.1:1")
    assert connect(url(server), "kubeflow").server == url(server)


def test_token_of_the_environment_is_sent(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(connection.TOKEN_VARIABLE, "abc")
    connect(url(server), "kubeflow")
    assert server.asked == [("/apis/v2beta1/healthz", "Bearer abc")]


def kubeconfig(path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"name": "c", "cluster": {"server": address}}
    user = {"name": "u", "user": {"token": "secret"}}
    context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
    content = {"clusters": [cluster], "users": [user], "contexts": [context], "current-context": "x"}
    path.write_text(json.dumps(content), encoding="utf-8")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))


def test_kubeconfig_leads_through_the_service_proxy(
    server: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig(tmp_path / "config", url(server), monkeypatch)
    connect(None, "team")
    path = "/api/v1/namespaces/team/services/ml-pipeline:http/proxy/apis/v2beta1/healthz"
    assert server.asked == [(path, "Bearer secret")]


def test_kubeflow_pipelines_is_looked_for_in_two_namespaces(
    server: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = (404, {"message": 'services "ml-pipeline" not found'})
    kubeconfig(tmp_path / "config", url(server), monkeypatch)
    with pytest.raises(NotFound, match="no Kubeflow Pipelines in namespace `team` or `kubeflow`"):
        connect(None, "team")
    assert [path.split("/")[4] for path, _ in server.asked] == ["team", "kubeflow"]


@pytest.mark.parametrize("content", [None, "a: [", "{}"])
def test_broken_kubeconfig_is_the_callers_error(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    with pytest.raises(InputError, match="no usable kubeconfig"):
        connect(None, "kubeflow")
