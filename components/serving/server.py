"""Serve a folder of models as `tensorflow_model_server` does.

Any TensorFlow Serving client works: the REST and gRPC APIs, their error texts and their number format are the
same. What differs, on purpose:

- JSON nested deeper than 64 levels is refused with 400; the original can overflow its stack.
- A body over 16 MiB, or over 64 MiB after gzip, is refused with 413; the original has no body limit. A gRPC
  message is at most 64 MiB, and a tensor in it at most 2**26 elements.
- An integer that does not fit its tensor is refused; the original wraps int8, int16 and uint8 around.
- A JSON value in an error message is cut at 1024 characters.
- A version needs a correct MANIFEST.sha256; without one it is END with the reason, and never serves.
- When the newest version cannot be served the next lower one is, at start too; the original exits.
- Every folder under the root is a model, and a root without any is waited for.
- Labels, classify, regress, MultiInference and reload by request are not available.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

from . import ports
from .status import Event

REST_FLAG = "--rest-port"
GRPC_FLAG = "--grpc-port"
REST_PORT = 8501
GRPC_PORT = 8500

_GRACE_SECONDS = 30.0


def serve(
    root: Path,
    on_event: Callable[[Event], None],
    *,
    host: str = "127.0.0.1",
    rest_port: int = REST_PORT,
    grpc_port: int = GRPC_PORT,
    poll_seconds: float = 1.0,
) -> None:
    """Serve every model under `root` until SIGTERM or SIGINT.

    Then requests under way are finished and the call returns. Call it from the main thread. New models and
    versions are followed without a restart.

    Args:
        root: `<root>/<model>/<version>/`; it may be empty or missing, models are served when they appear.
        on_event: Gets one event for each thing that happens; `str(event)` is a line for the terminal.
        host: Address to listen on; the default cannot be reached from other machines.
        rest_port: 0 takes any free port; the `listening` event says which.
        grpc_port: The same.
        poll_seconds: Pause between two looks at `root`.

    Raises:
        InputError: A port is taken; names it and the flag to change.
    """
    rest_socket = ports.bind(host, rest_port, REST_FLAG)
    ports.check(host, grpc_port, GRPC_FLAG)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    # TensorFlow reads the variable on import, and a taken port is said before those seconds are spent.
    from .model_server import ModelServer

    # What the imports made never goes away; leaving it out of every collection keeps unloading cheap.
    gc.freeze()
    server = ModelServer(root, poll_seconds, on_event)
    server.start(rest_socket, host, grpc_port, GRPC_FLAG)
    stopped.wait()
    on_event(Event("stopping", detail="after the requests under way"))
    server.stop(_GRACE_SECONDS)
    on_event(Event("stopped"))
