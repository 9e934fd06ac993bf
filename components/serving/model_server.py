"""The running server: a source, a manager and both APIs in one process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import tensorflow as tf

from components.errors import InputError, LodestarError

from . import config, grpc_api
from .batching import make_scheduler
from .errors import Code, ServingError
from .grpc_admission import CountingPool, Shedding
from .health import Health
from .limits import admission
from .metrics import Metrics
from .models import make_manager
from .options import ServerOptions
from .ports import authority, refused
from .rest_api import RestApi
from .rest_listener import RestListener
from .source import Watch
from .status import Event


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
        grpc_admission = admission(options, options.grpc_threads)
        self._grpc_workers = CountingPool(options.grpc_threads, grpc_admission)
        self._first = config.first_config(options)
        self._ignored = ""
        metrics = Metrics(lambda model: self._manager.knows(model), options.max_metric_models)
        self._scheduler = make_scheduler(options)
        load = replace(options.load, batching=self._scheduler)
        self._manager = make_manager(options, on_event, metrics, load)
        self._watches = (
            Watch(options.file_system_poll_wait_seconds, self._manager.poll),
            Watch(options.model_config_file_poll_wait_seconds, self._read_again),
        )
        self._shedding = Shedding(grpc_admission)
        self._grpc = grpc_api.make_server(
            self._manager, self._grpc_workers, options, metrics, [self._shedding]
        )
        self._health = Health(self._grpc) if options.enable_grpc_healthcheck_service else None
        self._app = RestApi(
            self._manager,
            self._rest_workers,
            options,
            metrics,
            options.metrics_path,
            admission(options, options.rest_threads),
        )
        self._rest: RestListener | None = None

    def start(self, rest_socket: socket.socket | None, stopped: threading.Event) -> None:
        """Load what is there, then open both APIs, then go on watching.

        Without root mode the ports open only when every model has a version available; a model without any
        version on disk is waited for. Returns early, with the ports closed, once `stopped` is set.

        Args:
            rest_socket: Bound, not listening; the server closes it. None for no REST API.
            stopped: Set when the server should not start any more.

        Raises:
            InputError: The gRPC port is taken.
            LodestarError: A model could not be loaded, or the REST API does not come up.
        """
        if rest_socket is not None:
            self._rest = RestListener(self._app, self._options, rest_socket)
        self._begin(stopped)
        if stopped.is_set():
            return
        bound = self._bind_grpc()
        self._grpc.start()
        if self._health is not None:
            self._health.start()
        where = f"gRPC {authority(self._options.host, bound)}"
        if rest_socket is not None and self._rest is not None:
            self._rest.start()
            where = f"REST http://{authority(self._options.host, rest_socket.getsockname()[1])} {where}"
        for watch in self._watches:
            watch.start()
        self._on_event(Event("listening", detail=where))

    def _begin(self, stopped: threading.Event) -> None:
        # Requests must not meet a server that is about to have the model they ask for.
        try:
            self._manager.begin(self._first)
        except ServingError as error:
            cure = "See --allow_version_labels_for_unavailable_models." if "label" in error.message else ""
            raise LodestarError(f"{error.message}.", cure=cure) from error
        if self._first is None:
            self._manager.wait_until_settled(self._manager.found(), stopped.is_set)
            if not self._manager.models():
                self._on_event(Event("waiting", detail=f"for a first model under {self._options.root}"))
            return
        names = [model.name for model in self._first.models]
        for name in sorted(set(names) - set(self._manager.found())):
            self._on_event(Event("waiting", model=name, detail="for a first version of it"))
        # Until the ports open nothing else looks for versions.
        look = Watch(self._options.file_system_poll_wait_seconds, self._manager.poll)
        look.start()
        self._manager.wait_until_settled(names, stopped.is_set)
        look.stop()
        failures = [] if stopped.is_set() else self._manager.failures(names)
        if failures:
            raise LodestarError(
                f"{len(failures)} servable(s) did not become available: {{{''.join(failures)}}}.",
                cure="Mend or remove the version, or take the model out of the configuration.",
            )

    def _read_again(self) -> None:
        path, problem = Path(self._options.model_config_file), ""
        try:
            self._manager.reload(config.read(path), timeout=0.0)
        except InputError as error:
            problem = str(error)
        except ServingError as error:
            # New models come in their own time; what is wrong with the file is worth a line.
            problem = "" if error.code is Code.DEADLINE_EXCEEDED else f"{path}: {error.message}"
        if problem and problem != self._ignored:
            self._on_event(Event("ignored", detail=problem))
        self._ignored = problem

    def _bind_grpc(self) -> int:
        host, port = self._options.host, self._options.port
        try:
            bound: int = self._grpc.add_insecure_port(authority(host, port))
        except RuntimeError as error:
            raise refused(host, port, self._options.port_flags[1], "the address is in use") from error
        if path := self._options.grpc_socket_path:
            try:
                self._grpc.add_insecure_port(f"unix:{path}")
            except RuntimeError as error:
                raise InputError(
                    f"Cannot listen on the socket {path}: {error}.",
                    cure="Choose another path with `--grpc_socket_path`.",
                ) from error
        return bound

    def stop(self, grace_seconds: float) -> None:
        """Take no new requests, finish those under way, free the models.

        Args:
            grace_seconds: The longest that REST, gRPC and the models each wait for requests under way.
        """
        self._manager.stop_waiting()
        for watch in self._watches:
            watch.stop()
        if self._health is not None:
            self._health.stop()
        if self._rest is not None:
            self._rest.begin_to_stop(grace_seconds)
        self._shedding.drain()
        self._grpc.stop(grace_seconds).wait()
        if self._rest is not None:
            self._rest.stop()
        self._manager.close(grace_seconds)
        if self._scheduler is not None:
            self._scheduler.close()
        for workers in (self._rest_workers, self._grpc_workers):
            workers.shutdown(wait=False, cancel_futures=True)
