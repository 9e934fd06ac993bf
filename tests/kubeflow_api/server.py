"""A stand-in of Kubeflow Pipelines' API server that runs what it is given, and of the Kubernetes API's pods.

Single-user mode. Every request is checked as strictly as the API's description allows, more strictly than any
one version of the server, so that what passes here passes there.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from tests.kubeflow_api.listing import page
from tests.kubeflow_api.refusal import NOT_FOUND, Refusal, invalid
from tests.kubeflow_api.store import Store

_API = "/apis/v2beta1"
_PROXY = "/api/v1/namespaces/kubeflow/services/ml-pipeline:http/proxy"
_PODS = "/api/v1/namespaces/kubeflow/pods"
_LISTS = {"namespace", "experiment_id", "page_token", "page_size", "sort_by", "filter"}
Query = Mapping[str, str]
Answer = Callable[[Store, Any, Query, str], Any]


def _listed(kind: str, objects: Callable[[Store], list[Any]]) -> Answer:
    def answer(store: Store, _: Any, query: Query, __: str) -> Any:
        unknown = set(query) - _LISTS
        if unknown:
            raise invalid(f"unknown query parameter {sorted(unknown)[0]}")
        if query.get("namespace"):
            raise invalid("In single-user mode, the request shouldn't contain namespace.")
        found = [
            one for one in objects(store) if query.get("experiment_id", "") in ("", one["experiment_id"])
        ]
        shown, total, token = page(found, query)
        # What is empty is left out.
        whole = {kind: shown, "total_size": total, "next_page_token": token}
        return {name: value for name, value in whole.items() if value}

    return answer


def _health(*_: Any) -> Any:
    return {
        "commit_sha": "unknown",
        "tag_name": "stand-in",
        "multi_user": False,
        "pipeline_store": "database",
    }


def _change(change: Callable[[Store, str], None]) -> Answer:
    def answer(store: Store, _: Any, __: Query, key: str) -> Any:
        change(store, key)
        return {}

    return answer


_ROUTES: dict[tuple[str, str], Answer] = {
    ("GET", "/healthz"): _health,
    ("POST", "/experiments"): lambda s, body, q, k: s.create_experiment(body),
    ("GET", "/experiments"): _listed("experiments", lambda s: list(s.experiments.values())),
    ("GET", "/experiments/*"): lambda s, b, q, key: s.experiment(key),
    ("POST", "/runs"): lambda s, body, q, k: s.create_run(body),
    ("GET", "/runs"): _listed("runs", lambda s: s.runs()),
    ("GET", "/runs/*"): lambda s, b, q, key: s.run(key),
    ("DELETE", "/runs/*"): _change(lambda s, key: s.delete_run(key)),
    ("POST", "/runs/*:terminate"): _change(lambda s, key: s.terminate(key)),
    ("POST", "/runs/*:archive"): _change(lambda s, key: s.set_storage(key, "ARCHIVED")),
    ("POST", "/runs/*:unarchive"): _change(lambda s, key: s.set_storage(key, "AVAILABLE")),
    ("POST", "/recurringruns"): lambda s, body, q, k: s.create_recurring(body),
    ("GET", "/recurringruns"): _listed("recurringRuns", lambda s: [r.body for r in s.recurring.values()]),
    ("GET", "/recurringruns/*"): lambda s, b, q, key: s.recurring_run(key).body,
    ("DELETE", "/recurringruns/*"): _change(lambda s, key: s.delete_recurring(key)),
    ("POST", "/recurringruns/*:enable"): _change(lambda s, key: s.set_mode(key, "ENABLE")),
    ("POST", "/recurringruns/*:disable"): _change(lambda s, key: s.set_mode(key, "DISABLE")),
}


class KubeflowServer(ThreadingHTTPServer):
    """The server; `asked` has every request that it was sent, `refused` those that it refused."""

    daemon_threads = True

    def __init__(self, store: Store) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = store
        self.asked: list[tuple[str, str]] = []
        self.refused: list[Refusal] = []

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig that leads here, and return its path."""
        name = "stand-in"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.host}}],
            "users": [{"name": name, "user": {}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path


class _Handler(BaseHTTPRequestHandler):
    server: KubeflowServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append((self.command, self.path))
        path, query = parts.path.removeprefix(_PROXY), dict(parse_qsl(parts.query))
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        if path.startswith(_API):
            self._api(path.removeprefix(_API), query, raw)
        elif path == _PODS:
            run_id = query.get("labelSelector", "").removeprefix("pipeline/runid=")
            self._send(200, {"items": list(self.server.store.pods(run_id))})
        elif path.startswith(f"{_PODS}/") and path.endswith("/log"):
            self._log(path.split("/")[-2], query.get("follow") == "True")
        else:
            # As for an account that may not read Workflows.
            reason = f'cannot {self.command.lower()} "{path}"'
            self._send(403, {"kind": "Status", "status": "Failure", "message": reason, "code": 403})

    def _api(self, path: str, query: Query, raw: bytes) -> None:
        try:
            answer, key = _route(self.command, path)
            body = _json(raw) if self.command == "POST" and ":" not in path else None
            with self.server.store.lock:
                found = answer(self.server.store, body, query, key)
        except Refusal as refusal:
            self.server.refused.append(refusal)
            self._send(refusal.http, refusal.body())
        else:
            self._send(200, found)

    def _send(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _log(self, pod: str, follow: bool) -> None:
        executors = (node for one in list(self.server.store.executions.values()) for node in one.executors())
        node = next((node for node in executors if node.id == pod and node.log), None)
        if node is None or node.log is None:
            self._send(404, {"kind": "Status", "message": f'pods "{pod}" not found', "code": 404})
            return
        self.send_response(200)
        self.end_headers()
        with node.log.open("rb") as file:
            while True:
                running = node.state == "RUNNING"
                self.wfile.write(file.read())
                if not (follow and running):
                    return
                time.sleep(0.1)


@contextmanager
def serving(store: Store) -> Iterator[KubeflowServer]:
    """Serve `store` until the end; runs that go on are stopped."""
    server = KubeflowServer(store)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        store.close()


def _route(method: str, path: str) -> tuple[Answer, str]:
    key = re.fullmatch(r"/\w+/([^/:]+)(:\w+)?", path)
    pattern = path if key is None else path.replace(key[1], "*", 1)
    if (method, pattern) not in _ROUTES:
        raise Refusal(NOT_FOUND, f"Not Found: {method} {path}")
    return _ROUTES[method, pattern], unquote(key[1]) if key else ""


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise invalid(f"proto: syntax error: {error}") from None
