"""The running server: a source, a manager and both APIs in one process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import tensorflow as tf
import uvicorn

from components import artifact
from components.errors import LodestarError

from . import grpc_api, servable
from .manager import Manager
from .options import ServerOptions
from .ports import authority, refused
from .rest_api import RestApi
from .source import Source
from .status import Event

_MAX_CONNECTIONS = 1000
_START_SECONDS = 10.0


class ModelServer:
    """Serve every model under a folder; start once, stop once.

    Args:
        options: What to serve, where and how.
        on_event: Gets one event for each thing that happens; called from several threads.
    """

    def __init__(self, options: ServerOptions, on_event: Callable[[Event], None]) -> None:
        tf.get_logger().setLevel("ERROR")
        self._options = options
        self._on_event = on_event
        self._rest_workers = ThreadPoolExecutor(options.rest_threads)
        self._grpc_workers = ThreadPoolExecutor(options.grpc_threads)
        load = partial(servable.load, options=options.load)
        self._manager = Manager(artifact.verify, load, on_event)
        self._root = options.root or Path(options.model_base_path)
        self._source = Source(self._root, options.file_system_poll_wait_seconds, self._manager.aspire)
        self._grpc = grpc_api.make_server(self._manager, self._grpc_workers)
        app = RestApi(self._manager, self._rest_workers)
        self._rest = uvicorn.Server(_rest_config(app))
        self._rest_thread = threading.Thread(target=self._run_rest, name="serving-rest")
        self._rest_socket: socket.socket | None = None

    def start(self, rest_socket: socket.socket | None) -> None:
        """Load what is there, then open both APIs, then go on watching.

        Args:
            rest_socket: Bound, not listening; the server closes it. None for no REST API.

        Raises:
            InputError: The gRPC port is taken.
            LodestarError: The REST API does not come up.
        """
        self._rest_socket = rest_socket
        self._load_what_is_there()
        bound = self._bind_grpc()
        self._grpc.start()
        where = f"gRPC {authority(self._options.host, bound)}"
        if rest_socket is not None:
            self._rest_thread.start()
            self._await_rest()
            where = f"REST http://{authority(self._options.host, rest_socket.getsockname()[1])} {where}"
        self._source.start()
        self._on_event(Event("listening", detail=where))

    def _bind_grpc(self) -> int:
        host, port = self._options.host, self._options.port
        try:
            return self._grpc.add_insecure_port(authority(host, port))
        except RuntimeError as error:
            raise refused(host, port, self._options.port_flags[1], "the address is in use") from error

    def stop(self, grace_seconds: float) -> None:
        """Take no new requests, finish those under way, free the models.

        Args:
            grace_seconds: The longest that REST, gRPC and the models each wait for requests under way.
        """
        self._source.stop()
        self._rest.config.timeout_graceful_shutdown = int(grace_seconds)
        self._rest.should_exit = True
        self._grpc.stop(grace_seconds).wait()
        if self._rest_thread.is_alive():
            self._rest_thread.join()
        self._manager.close(grace_seconds)
        for workers in (self._rest_workers, self._grpc_workers):
            workers.shutdown(wait=False, cancel_futures=True)

    def _load_what_is_there(self) -> None:
        self._source.poll()
        # Requests must not meet a server that is about to have the model they ask for.
        wait(self._manager.pending())
        if not self._manager.models():
            self._on_event(Event("waiting", detail=f"for a first model under {self._root}"))

    def _run_rest(self) -> None:
        self._rest.run(sockets=[self._rest_socket] if self._rest_socket else None)

    def _await_rest(self) -> None:
        deadline = monotonic() + _START_SECONDS
        while not self._rest.started and self._rest_thread.is_alive() and monotonic() < deadline:
            sleep(0.005)
        if not self._rest.started:
            raise LodestarError(
                f"The REST API did not start within {_START_SECONDS:g} s.",
                cure="Look at the messages above, then start the server again.",
            )


def _rest_config(app: RestApi) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
    )
