"""Bind the server's ports, with an error that says which flag to change."""

from __future__ import annotations

import socket

from components.errors import InputError


def bind(host: str, port: int, flag: str) -> socket.socket:
    """Return a bound socket that does not listen yet; port 0 takes any free one.

    Raises:
        InputError: The address cannot be bound; names the port and `flag`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, answers wait 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise refused(host, port, flag, str(error)) from error
    return bound


def check(host: str, port: int, flag: str) -> None:
    """Raise as `bind` does when the port cannot be bound; leave it free."""
    bind(host, port, flag).close()


def refused(host: str, port: int, flag: str, why: str) -> InputError:
    """Return the error for a port that cannot be bound."""
    return InputError(
        f"Cannot listen on {host}:{port}: {why.rstrip('.')}.",
        cure=f"Stop what uses port {port}, or choose another one with `{flag}`.",
    )


def authority(host: str, port: int) -> str:
    """Return `host:port` as URLs and gRPC write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
