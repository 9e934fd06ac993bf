from __future__ import annotations

import socket

import pytest

from components.errors import InputError
from components.serving import ports


def test_bound_port_does_not_listen_yet():
    with ports.bind("127.0.0.1", 0, "--rest-port") as bound, socket.socket() as caller:
        assert caller.connect_ex(bound.getsockname()) != 0


def test_protocol_is_named_so_that_answers_are_not_delayed():
    with ports.bind("127.0.0.1", 0, "--rest-port") as bound:
        assert bound.proto == socket.IPPROTO_TCP


def test_check_leaves_the_port_free():
    with ports.bind("127.0.0.1", 0, "--rest-port") as bound:
        port = bound.getsockname()[1]
    ports.check("127.0.0.1", port, "--rest-port")
    ports.bind("127.0.0.1", port, "--rest-port").close()


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("192.0.2.1", 8501)])
def test_address_that_cannot_be_bound_is_named_with_the_flag(host, port):
    with pytest.raises(InputError) as caught:
        ports.bind(host, port, "--rest-port")
    assert f"{host}:{port}" in caught.value.problem
    assert "`--rest-port`" in caught.value.cure


@pytest.mark.parametrize(
    ("host", "written"), [("127.0.0.1", "127.0.0.1:8501"), ("::1", "[::1]:8501"), ("a.b", "a.b:8501")]
)
def test_authority_is_written_as_urls_have_it(host, written):
    assert ports.authority(host, 8501) == written
