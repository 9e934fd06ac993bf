from __future__ import annotations

import http.server
import json
import socket
import threading

import pytest

from components.errors import LodestarError
from components.serving import client


@pytest.fixture
def page():
    """A web server that is no model server."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_nothing_listening_says_how_to_start_the_server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(LodestarError) as caught:
            client.predict(url, "m", {"x": [1.0]})
    assert url in caught.value.problem
    assert caught.value.cure == "Start it with `lodestar serve`."


def test_server_that_does_not_answer_is_given_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(LodestarError, match=r"did not answer within 0\.05 s"):
            client.status(f"http://127.0.0.1:{silent.getsockname()[1]}", "m", timeout=0.05)


def test_other_web_server_is_recognised(page):
    with pytest.raises(LodestarError, match="did not answer as a model server does"):
        client.status(page, "m")


def test_address_that_is_none_is_refused():
    with pytest.raises(LodestarError, match="no address of a model server"):
        client.status("localhost:8501", "m")


class Labels(http.server.BaseHTTPRequestHandler):
    """A model server whose model answers with the path that it was asked at; labels are the test's."""

    known: frozenset[str] = frozenset()
    asked: list[str] = []

    def do_POST(self):
        self.asked.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        label = self.path.partition("/labels/")[2].partition(":")[0]
        known = not label or label in self.known
        unknown = f"Unrecognized servable version label: {label}"
        body = json.dumps({"outputs": {"path": self.path}} if known else {"error": unknown}).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def labels():
    handler = type("Handler", (Labels,), {"asked": []})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        handler.url = f"http://127.0.0.1:{server.server_port}"
        yield handler
        server.shutdown()


def test_stable_version_is_asked_where_there_is_one(labels):
    labels.known = frozenset({"stable"})
    assert client.Asker(labels.url, "m").predict({}) == {"path": "/v1/models/m/labels/stable:predict"}


def test_newest_version_is_asked_without_a_stable_one_and_the_label_again_after_a_second(labels):
    now = [0.0]
    asker = client.Asker(labels.url, "m", clock=lambda: now[0])
    for moment in (0.0, 0.5, 0.9):
        now[0] = moment
        assert asker.predict({}) == {"path": "/v1/models/m:predict"}
    assert labels.asked.count("/v1/models/m/labels/stable:predict") == 1
    labels.known, now[0] = frozenset({"stable"}), 1.1
    assert asker.predict({}) == {"path": "/v1/models/m/labels/stable:predict"}


def test_version_or_label_that_was_asked_for_has_no_substitute(labels):
    assert client.Asker(labels.url, "m", version=3).predict({}) == {"path": "/v1/models/m/versions/3:predict"}
    with pytest.raises(client.UnknownLabel, match="label: canary"):
        client.Asker(labels.url, "m", label="canary").predict({})
