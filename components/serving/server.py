"""Serve models as `tensorflow_model_server` does.

Any TensorFlow Serving client works: the REST and gRPC APIs, flags, configuration files, error texts and the
form of numbers are the same. What differs, on purpose, each with a test in tests/contract:

- JSON nested deeper than 64 levels is refused with 400; the original can overflow its stack.
- A body over 16 MiB, over 64 MiB or a hundredfold after gzip, or of more than 2**21 values is refused with
  413, a request of more than 10,000 rows with 400; the original has no such limits. A gRPC
  message is at most 64 MiB, and a tensor in it at most 2**26 elements.
- An integer that does not fit its tensor is refused; the original wraps int8, int16 and uint8 around.
- A JSON value in an error message is cut at 1024 characters.
- Metrics count the names of models that were never served together; the original keeps whatever is typed.
- What arrives too slowly ends with 408; what would wait too long for a thread is refused with 503.
- In a batch that the model refuses only the requests that it refuses alone fail.
- There is no profiler service; flags that ask for TFLite, TLS or a platform configuration are refused.
- A version needs a correct MANIFEST.sha256 and runs only operations that compute; otherwise it is END with
  the reason, and never serves.
- A version that failed is tried again when its files change.
- A version that needs more memory than is free is refused; the original's limit cannot be set by a flag.
- Root mode, of `lodestar serve`: every folder below the root is a model, a root without any is waited for,
  and when the newest version cannot be served the next lower one is, at the start too.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable

from . import config, heap, ports
from .options import LoadOptions, ServerOptions
from .status import Event

__all__ = ["LoadOptions", "ServerOptions", "serve"]

_SWITCH_SECONDS = 0.001


def serve(options: ServerOptions, on_event: Callable[[Event], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests under way and return.

    Call it from the main thread. New models and versions are followed without a restart.

    Args:
        options: What to serve, where and how.
        on_event: Gets one event for each thing that happens, one at a time; `str(event)` is a line for the
            terminal.

    Raises:
        InputError: A port is taken, or a configuration file cannot be used.
        LodestarError: A model that the options name could not be loaded; in root mode that is no error.
    """
    lock = threading.Lock()

    def tell(event: Event) -> None:
        # Events come from many threads; what listens may print, and lines must not run into each other.
        with lock:
            on_event(event)

    # A wrong file and a taken port are said before the seconds that importing TensorFlow takes.
    config.first_config(options)
    rest_flag, grpc_flag = options.port_flags
    rest_port = options.rest_api_port
    rest_socket = None if rest_port is None else ports.bind(options.host, rest_port, rest_flag)
    ports.check(options.host, options.port, grpc_flag)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    heap.keep_small()
    # A request in Python code must not hold up the others for the usual 5 ms.
    sys.setswitchinterval(_SWITCH_SECONDS)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", category=FutureWarning, module="google")
    # TensorFlow reads the variable on import.
    from .model_server import ModelServer

    # What the imports made never goes away; leaving it out of every collection keeps unloading cheap.
    gc.freeze()
    server = ModelServer(options, tell)
    server.start(rest_socket, stopped)
    stopped.wait()
    tell(Event("stopping", detail="after the requests under way"))
    server.stop(options.drain_in_ms / 1000)
    tell(Event("stopped"))
