"""Run the gateway until SIGTERM or SIGINT."""

from __future__ import annotations

import os
import signal
import socket
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from .settings import GatewaySettings

_GRACE_SECONDS = 20
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 1024
# A connection that sends nothing, or half a request, gives way to others.
_HEAD_SECONDS, _BODY_SECONDS, _CONNECTIONS = 5.0, 30.0, 1024


def serve(settings: GatewaySettings, listener: socket.socket, on_start: Callable[[], None]) -> None:
    """Serve on a bound socket; then requests under way are finished and the call returns.

    Call it from the main thread.

    Args:
        settings: What the gateway is told.
        listener: Bound, not listening yet.
        on_start: Called once everything is made, just before requests are taken.

    Raises:
        InputError: A setting is wrong.
        LodestarError: The database cannot be used.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    # TensorFlow reads the variable on import.
    import uvicorn

    from components.serving.connections import ConnectionLimits, LimitedProtocol

    from .app import create_app
    from .gateway import Gateway

    app = create_app(Gateway.make(settings))
    limits = ConnectionLimits(_HEAD_SECONDS, _BODY_SECONDS, _CONNECTIONS)
    protocol: Any = partial(LimitedProtocol, limits=limits)
    config = uvicorn.Config(
        app,
        http=protocol,
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
    # uvicorn handles both, and at the end raises them again for whoever handled them before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listener])
