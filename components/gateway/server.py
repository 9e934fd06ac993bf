"""Run the gateway until SIGTERM or SIGINT."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from .settings import GatewaySettings

_GRACE_SECONDS = 20
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 1024


def serve(settings: GatewaySettings, listener: socket.socket, on_start: Callable[[], None]) -> None:
    """Serve on a bound socket; then requests under way are finished and the call returns.

    Args:
        settings: What the gateway is told.
        listener: Bound, not listening yet.
        on_start: Called once everything is made, just before requests are taken.

    Raises:
        InputError: A setting is wrong.
        LodestarError: The database cannot be used.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow reads the variable on import.
    import uvicorn

    from .app import create_app
    from .gateway import Gateway

    app = create_app(Gateway.make(settings))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        backlog=_BACKLOG,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        h11_max_incomplete_event_size=64 * 1024,
        ws="none",
    )
    # From here on the kernel keeps callers waiting instead of refusing them.
    listener.listen(_BACKLOG)
    on_start()
    uvicorn.Server(config).run(sockets=[listener])
