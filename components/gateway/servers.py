"""Where model servers are, and the channels to them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.errors import InputError

DEFAULT_SERVER = "127.0.0.1:8500"
MAX_MESSAGE_BYTES = 64 * 2**20

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}")
_IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+:\d+")
_SERVICE_CONFIG = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
# A replica that was down is tried again within a second or two, and a name that means other replicas since is
# looked up again as soon; gRPC's own pauses are made for the Internet.
_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.dns_min_time_between_resolutions_ms", 500),
)


@dataclass(frozen=True)
class Servers:
    """Addresses of gRPC APIs; several of one model, joined by commas, are replicas.

    Attributes:
        default: Where a model is that has no address of its own; empty: nowhere.
        by_model: Model name -> address.
    """

    default: str = DEFAULT_SERVER
    by_model: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Servers:
        """Return what `--server` options say: `HOST:PORT` for all models, `MODEL=HOST:PORT` for one.

        Raises:
            InputError: One of them is not such an address.
        """
        default, by_model = "", {}
        for text in texts:
            model, equals, address = text.rpartition("=")
            if not all(_ADDRESS.fullmatch(one) for one in address.split(",")) or (equals and not model):
                raise InputError(
                    f"`--server {text}` is no address of a model server.",
                    cure="Give HOST:PORT of its gRPC API, or MODEL=HOST:PORT for one model.",
                )
            if model:
                by_model[model] = address
            else:
                default = address
        return cls(default if texts else DEFAULT_SERVER, by_model)

    def address(self, model: str) -> str:
        """Return where `model` is served; empty when nowhere."""
        return self.by_model.get(model, self.default)

    def addresses(self) -> list[str]:
        """Return every address, each once."""
        return sorted({*self.by_model.values(), self.default} - {""})


def parse_shards(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return family -> models of its shards, from options `FAMILY=MODEL`.

    Raises:
        InputError: One of them is not that.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        family, _, model = text.partition("=")
        if not family or not model:
            raise InputError(f"`--shard {text}` is no shard.", cure="Give FAMILY=MODEL, once for each shard.")
        found[family] = (*found.get(family, ()), model)
    return found


def target(address: str) -> str:
    """Return gRPC's name of an address: all replicas of it, in turn."""
    if _IPV4.fullmatch(address.split(",")[0]):
        return f"ipv4:{address}"
    return f"ipv6:{address}" if address.startswith("[") else f"dns:///{address}"


def open_channel(address: str) -> Any:
    """Return a channel that spreads its calls over the replicas at `address`; nothing is connected yet."""
    import grpc

    return grpc.insecure_channel(target(address), options=_OPTIONS)
