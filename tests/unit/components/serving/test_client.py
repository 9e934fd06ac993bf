from __future__ import annotations

import http.server
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
