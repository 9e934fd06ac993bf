"""Listen for REST requests in a thread of its own."""

from __future__ import annotations

import socket
import threading
from functools import partial
from time import monotonic, sleep
from typing import Any

import uvicorn

from components.errors import LodestarError

from .connections import ConnectionLimits, LimitedProtocol
from .options import ServerOptions
from .rest_api import RestApi

_START_SECONDS = 10.0
# Longer than clients and proxies keep idle connections; when connections run short the oldest goes.
_KEEP_ALIVE_SECONDS = 75


class RestListener:
    """Run an application on a socket; start once, stop once.

    Args:
        app: Answers the requests.
        options: Limits of the connections.
        bound: The socket, not listening; `stop` closes it.
    """

    def __init__(self, app: RestApi, options: ServerOptions, bound: socket.socket) -> None:
        self._socket = bound
        self._server = uvicorn.Server(_config(app, options))
        self._thread = threading.Thread(target=self._run, name="serving-rest")

    def start(self) -> None:
        """Listen; returns when requests are answered.

        Raises:
            LodestarError: It does not come up.
        """
        self._thread.start()
        deadline = monotonic() + _START_SECONDS
        while not self._server.started and self._thread.is_alive() and monotonic() < deadline:
            sleep(0.005)
        if not self._server.started:
            raise LodestarError(
                f"The REST API did not start within {_START_SECONDS:g} s.",
                cure="Look at the messages above, then start the server again.",
            )

    def begin_to_stop(self, grace_seconds: float) -> None:
        """Take no new connection; requests under way have `grace_seconds`. Returns at once."""
        self._server.config.timeout_graceful_shutdown = max(1, int(grace_seconds))
        self._server.should_exit = True

    def stop(self) -> None:
        """Wait for the end that `begin_to_stop` began."""
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _config(app: RestApi, options: ServerOptions) -> uvicorn.Config:
    limits = ConnectionLimits(
        head_seconds=options.header_timeout_in_ms / 1000,
        body_seconds=options.body_timeout_in_ms / 1000,
        most=options.max_connections,
    )
    protocol: Any = partial(LimitedProtocol, limits=limits)
    return uvicorn.Config(
        app,
        http=protocol,
        interface="asgi3",
        ws="none",
        lifespan="off",
        log_config=None,
        # Otherwise every request that is no HTTP writes a line.
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
