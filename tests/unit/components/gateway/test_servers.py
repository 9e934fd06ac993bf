from __future__ import annotations

import pytest

from components.errors import InputError
from components.gateway.servers import Servers, target


def test_without_options_the_server_is_the_local_one():
    assert Servers.parse([]).address("anything") == "127.0.0.1:8500"


def test_model_with_its_own_address_does_not_use_the_default():
    servers = Servers.parse(["host:1", "text-search=other:2"])
    assert (servers.address("text-search"), servers.address("movies")) == ("other:2", "host:1")
    assert servers.addresses() == ["host:1", "other:2"]


def test_model_without_an_address_is_nowhere_when_only_others_are_given():
    assert Servers.parse(["text-search=other:2"]).address("movies") == ""


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "http://host:1", "=host:1", "a=b", "host:1,b", "h:123456"]
)
def test_what_is_no_address_is_refused_with_its_text(text):
    with pytest.raises(InputError, match="is no address") as caught:
        Servers.parse([text])
    assert f"`--server {text}`" in caught.value.problem


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("127.0.0.1:8500", "ipv4:127.0.0.1:8500"),
        ("10.0.0.1:1,10.0.0.2:1", "ipv4:10.0.0.1:1,10.0.0.2:1"),
        ("[::1]:8500", "ipv6:[::1]:8500"),
        ("lodestar-serving:8500", "dns:///lodestar-serving:8500"),
    ],
)
def test_every_replica_of_an_address_is_used(address, name):
    assert target(address) == name
