from __future__ import annotations

import asyncio
import socket
import threading
from functools import partial
from itertools import cycle

import pytest
import uvicorn

from components.serving.connections import ConnectionLimits, LimitedProtocol

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n"
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
LONG = 3600.0
SHORT = 0.05
BIG = 64 * 2**20


class Host:
    """uvicorn with limits and an application that tells how many bytes it got; `/big` answers with many."""

    def __init__(self, head: float = LONG, body: float = LONG, most: int = 100) -> None:
        self.limits = ConnectionLimits(head, body, most)
        self.entered, self.gate = threading.Semaphore(0), threading.Event()
        self.gate.set()
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        protocol = partial(LimitedProtocol, limits=self.limits)
        config = uvicorn.Config(
            self._answer, lifespan="off", log_config=None, interface="asgi3", http=protocol
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.address = self.socket.getsockname()
        self.thread.start()
        while not self.server.started:
            threading.Event().wait(0.001)

    def connect(self, sent: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.address, timeout=20)
        client.sendall(sent)
        return client

    def stop(self) -> None:
        self.gate.set()
        self.server.should_exit = True
        self.thread.join()

    async def _answer(self, scope, receive, send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message["body"])
            more = message["more_body"]
        self.entered.release()
        await asyncio.get_running_loop().run_in_executor(None, self.gate.wait)
        body = bytes(BIG) if scope["path"] == "/big" else b"got %d" % size
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def host():
    hosts = []

    def make(**limits) -> Host:
        hosts.append(Host(**limits))
        return hosts[-1]

    yield make
    for made in hosts:
        made.stop()


def everything(client: socket.socket) -> bytes:
    """Return what arrives until the other side closes."""
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def answer(client: socket.socket) -> bytes:
    """Return one answer of `Host` on a connection that stays open."""
    got = b""
    while b"got" not in got:
        part = client.recv(65536)
        assert part, got
        got += part
    return got


@pytest.mark.parametrize("sent", [b"", b"POST / HT", HEAD], ids=["nothing", "half a line", "half a head"])
def test_head_that_does_not_arrive_in_time_is_answered_with_408(host, sent):
    got = everything(host(head=SHORT).connect(sent))
    assert got.startswith(b"HTTP/1.1 408 Request Timeout\r\nconnection: close")
    assert b"The head of the request did not arrive in time." in got


def test_byte_after_byte_does_not_keep_a_head_alive(host):
    client = host(head=SHORT).connect()
    with pytest.raises(OSError):  # the server closed
        for byte in cycle(b"GET / HTTP/1.1\r\n"):
            client.sendall(bytes([byte]))
            threading.Event().wait(0.002)


def test_body_that_does_not_arrive_in_time_is_answered_with_408(host):
    got = everything(host(body=SHORT).connect(HEAD + b"\r\nab"))
    assert got.startswith(b"HTTP/1.1 408")
    assert b"The body of the request did not arrive in time." in got


def test_slow_answer_is_no_slow_request(host):
    made = host(head=SHORT, body=SHORT)
    made.gate.clear()
    client = made.connect(HEAD + b"\r\nabcd")
    assert made.entered.acquire(timeout=20)
    threading.Event().wait(2 * SHORT / 3)
    threading.Event().wait(2 * SHORT / 3)
    made.gate.set()
    assert answer(client).endswith(b"got 4")


def test_requests_follow_each_other_on_one_connection(host):
    client = host().connect()
    for _ in range(3):
        client.sendall(GET)
        assert answer(client).endswith(b"got 0")
    client.sendall(GET + GET.replace(b"host", b"connection: close\r\nhost"))
    assert everything(client).count(b"got 0") == 2


def test_new_connection_closes_the_one_that_waited_longest(host):
    made = host(most=2)
    first = made.connect(GET)
    answer(first)
    second = made.connect(GET)
    answer(second)
    third = made.connect(GET)
    assert answer(third).endswith(b"got 0")
    assert everything(first) == b""
    second.sendall(GET)
    assert answer(second).endswith(b"got 0")


def test_connection_beyond_the_cap_is_refused_when_all_wait_for_the_server(host):
    made = host(most=1)
    made.gate.clear()
    first = made.connect(GET)
    assert made.entered.acquire(timeout=20)
    refused = everything(made.connect())
    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable")
    made.gate.set()
    assert answer(first).endswith(b"got 0")


def test_client_that_does_not_read_is_cut_off(host):
    made = host(head=SHORT)
    client = made.connect(b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n")
    assert made.entered.acquire(timeout=20)
    while made.server.server_state.connections:
        threading.Event().wait(0.001)
    assert len(everything(client)) < BIG


def test_client_that_reads_gets_all_of_a_large_answer(host):
    client = host(head=SHORT).connect(b"GET /big HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert len(everything(client)) > BIG


def test_stopping_answers_the_request_under_way_and_says_that_the_connection_ends(host):
    made = host()
    made.gate.clear()
    client = made.connect(GET)
    assert made.entered.acquire(timeout=20)
    made.server.should_exit = True
    while made.server.servers[0].is_serving():
        threading.Event().wait(0.001)
    made.gate.set()
    got = everything(client)
    assert got.endswith(b"got 0")
    assert b"connection: close" in got


def test_stopping_answers_a_request_that_comes_on_an_idle_connection(host):
    made = host()
    client = made.connect(GET)
    answer(client)
    made.server.should_exit = True
    while made.server.servers[0].is_serving():
        threading.Event().wait(0.001)
    client.sendall(GET)
    got = everything(client)
    assert got.endswith(b"got 0")
    assert b"connection: close" in got
