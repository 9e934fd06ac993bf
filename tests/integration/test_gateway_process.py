"""`lodestar gateway` as a process: start, load, hostile callers, end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.integration.conftest import REPOSITORY, Lodestar


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


class Process:
    """The command, ready to be asked; there is no model server."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "gateway", "-o", "json", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "LODESTAR_HOME": str(home)},
        )
        assert self.process.stdout is not None and self.process.stderr is not None
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.log: list[str] = []
        self._reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self._reader.start()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._reader.join()
        return code

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)


@pytest.fixture(scope="module")
def gateway(home: Path) -> Iterator[Process]:
    started = Process(home, "--server", "127.0.0.1:1", "--timeout", "0.5")
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


def click(number: int) -> dict[str, object]:
    return {"model": "text-search", "type": "click", "item": "1", "event_id": str(number)}


def test_page_and_description_are_served(gateway):
    assert "<title>" in requests.get(gateway.url, timeout=30).text
    paths = requests.get(f"{gateway.url}/openapi.json", timeout=30).json()["paths"]
    assert {"/v1/search", "/v1/recommend/{user}", "/v1/similar/{item}", "/v1/feedback"} <= set(paths)


def test_caller_that_does_not_finish_its_request_is_told_and_dropped(gateway):
    with socket.create_connection(gateway.address, timeout=30) as slow:
        slow.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n")
        assert slow.recv(4096).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_others_are_answered(gateway, request_line):
    with socket.create_connection(gateway.address, timeout=30) as caller:
        try:
            caller.sendall(request_line)
            answer = caller.recv(4096)
        except ConnectionError:
            answer = b""
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404"))
    assert requests.get(f"{gateway.url}/healthz", timeout=30).status_code == 200


def test_body_of_a_gigabyte_is_refused_before_it_is_read(gateway):
    with socket.create_connection(gateway.address, timeout=30) as caller:
        caller.sendall(b"POST /v1/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
        assert caller.recv(4096).startswith(b"HTTP/1.1 413")


def test_sigterm_loses_no_event_that_was_accepted_and_logs_are_json(gateway, home):
    accepted: list[int] = []

    def send(first: int) -> None:
        with requests.Session() as session:
            for number in range(first, first + 10_000):
                try:
                    answer = session.post(
                        f"{gateway.url}/v1/feedback", json={"events": [click(number)]}, timeout=30
                    )
                except requests.ConnectionError:
                    return
                if answer.status_code == 202:
                    accepted.append(number)

    threads = [threading.Thread(target=send, args=(n * 10_000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    deadline = threading.Event()
    while len(accepted) < 40 and not deadline.wait(0.02):
        assert gateway.process.poll() is None
    assert gateway.stop() == 0
    for thread in threads:
        thread.join()
    lines = [
        json.loads(line)
        for path in (home / "feedback" / "text-search").iterdir()
        for line in path.read_text().splitlines()
    ]
    kept = [line["event_id"] for line in lines]
    assert len(kept) == len(set(kept))
    assert {str(number) for number in accepted} <= set(kept)
    records = [json.loads(line) for line in gateway.log]
    [one, *_] = [record for record in records if record.get("route") == "/v1/feedback"]
    assert {"time", "level", "trace_id", "status", "milliseconds", "caller"} <= set(one)


# --- the command ---


def test_key_is_made_once_and_shown_once(tmp_path):
    lodestar, keys = Lodestar(tmp_path / "home"), str(tmp_path / "keys")
    made = lodestar("gateway", "--api-keys", keys, "--add-key", "shop")
    assert (made.returncode, made.stdout[:4]) == (0, "lsk_")
    assert made.stdout.strip() not in Path(keys).read_text()
    again = lodestar("gateway", "--api-keys", keys, "--add-key", "shop")
    assert (again.returncode, "has a key" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--server", "nowhere"), "is no address"),
        (("--timeout", "0"), "is not positive"),
        (("--add-key", "a"), "needs a file"),
        (("--api-keys", "/absent/keys"), "Cannot read the API keys"),
        (("--database", "mysql://a/b"), "is not supported"),
        (("--rate-limit", "fast"), "is no rate"),
    ],
)
def test_wrong_option_ends_with_2_and_the_cure(tmp_path, arguments, said):
    done = Lodestar(tmp_path)("gateway", "--port", "0", *arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
