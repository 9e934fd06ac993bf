"""Every setting of the model server; the names are those of `tensorflow_model_server`'s flags.

`flags` makes the command line from these fields: a field is a flag, its default the flag's default.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.errors import InputError

from . import monitoring

if TYPE_CHECKING:
    from .batching import Scheduler

THREADS_PER_CORE = 4
# A request that waits for its batch holds a thread.
BATCHING_THREADS = 64
OURS = "ours"

_HELP = "help"


def _flag(default: Any, text: str) -> Any:
    return field(default=default, metadata={_HELP: text})


def _ours(default: Any, text: str) -> Any:
    return field(default=default, metadata={_HELP: text, OURS: True})


@dataclass(frozen=True)
class ServerOptions:
    """What a server is started with.

    Every field with help text is a flag of `python -m components.serving`; `root` and `deployments` make the
    root mode of `lodestar serve`, where models are the folders below `root` and no flag names them.

    Attributes:
        rest_api_port: None for no REST API; 0 takes any free port (the command line's 0 is None).
        port: The same for gRPC, which cannot be left out.
        root: The serving root of root mode; None when flags or a config file name the models.
        deployments: Root mode: the JSON file of pinned versions and labels; it may be missing.
    """

    port: int = _flag(8500, "gRPC port")
    rest_api_port: int | None = _flag(None, "REST port; 0 for no REST API")
    grpc_socket_path: str = _flag("", "UNIX socket where gRPC listens too")
    rest_api_num_threads: int = _flag(0, "threads of the REST API; 0 for 4 a core, 64 with batching")
    rest_api_timeout_in_ms: int = _flag(30000, "longest time for one REST request")
    rest_api_enable_cors_support: bool = _flag(False, "send CORS headers")
    enable_batching: bool = _flag(False, "run requests that come close together as one batch")
    batching_parameters_file: str = _flag("", "BatchingParameters as a text proto; needs --enable_batching")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "a label that is not in use may be given to a version that is not loaded yet"
    )
    force_allow_any_version_labels_for_unavailable_models: bool = _flag(
        False, "any label may be given to a version that is not loaded yet"
    )
    model_config_file: str = _flag("", "ModelServerConfig as a text proto; instead of --model_base_path")
    model_config_file_poll_wait_seconds: float = _flag(
        0.0, "how often to read --model_config_file again and apply it; 0 for never"
    )
    model_name: str = _flag("default", "name of the model below --model_base_path")
    model_base_path: str = _flag("", "folder of one model's versions")
    num_load_threads: int = _flag(0, "versions that load at the same time; 0 for one")
    num_unload_threads: int = _flag(0, "versions that are freed at the same time; 0 for one")
    max_num_load_retries: int = _flag(5, "how often to load a version again after it failed")
    load_retry_interval_micros: int = _flag(60_000_000, "pause before a version is loaded again")
    file_system_poll_wait_seconds: float = _flag(
        1.0, "how often to look for versions; 0 or less to look once"
    )
    tensorflow_session_parallelism: int = _flag(0, "threads inside and between operations; 0 for automatic")
    tensorflow_intra_op_parallelism: int = _flag(0, "threads inside an operation; 0 for automatic")
    tensorflow_inter_op_parallelism: int = _flag(0, "threads between operations; 0 for automatic")
    saved_model_tags: str = _flag("serve", "tags of the graph to load, with commas between")
    grpc_channel_arguments: str = _flag("", "settings of the gRPC server, `name=value` with commas between")
    grpc_max_threads: int = _flag(0, "threads of the gRPC API; 0 for 4 a core, 64 with batching")
    enable_model_warmup: bool = _flag(True, "run a version's warm-up requests before it is available")
    num_request_iterations_for_warmup: int = _flag(0, "how often to run each warm-up request; 0 for once")
    monitoring_config_file: str = _flag("", "MonitoringConfig as a text proto: where metrics are")
    enable_grpc_healthcheck_service: bool = _flag(False, "offer grpc.health.v1.Health")
    enable_signature_method_name_check: bool = _flag(
        False, "classify and regress only signatures with that method name"
    )

    host: str = _ours("127.0.0.1", "address to listen on")
    require_manifest: bool = _ours(True, "refuse a version without a MANIFEST.sha256")
    extra_allowed_ops: str = _ours("", "operations that models may use as well, with commas between")
    memory_limit_bytes: int = _ours(
        0, "memory of the whole server; a version that does not fit is refused. 0 for all there is"
    )
    max_connections: int = _ours(1000, "REST connections and gRPC requests at once")
    max_queued_requests: int = _ours(256, "requests that wait for a thread; more are refused with 503")
    max_queue_wait_in_ms: int = _ours(
        2000, "a request that would wait longer for a thread is refused with 503, by what others took lately"
    )
    header_timeout_in_ms: int = _ours(5000, "longest time for the head of a REST request to arrive")
    body_timeout_in_ms: int = _ours(30000, "longest time for the body of a REST request to arrive")
    max_body_bytes: int = _ours(16 * 2**20, "largest body of a REST request")
    max_decompressed_bytes: int = _ours(64 * 2**20, "largest body of a REST request after gzip")
    max_rows: int = _ours(10_000, "rows of one request at most; a batch is bound by its parameters as well")
    max_json_depth: int = _ours(64, "deepest nesting of a JSON body")
    max_metric_models: int = _ours(100, "model names in metrics; requests for others are counted together")
    drain_in_ms: int = _ours(30000, "longest time for requests under way after SIGTERM")

    root: Path | None = None
    deployments: Path | None = None

    def __post_init__(self) -> None:
        if self.batching_parameters_file and not self.enable_batching:
            raise InputError(
                "`--batching_parameters_file` is set without `--enable_batching`.",
                cure="Add --enable_batching=true, or leave the file out.",
            )
        if self.root is None and not (self.model_base_path or self.model_config_file):
            raise InputError(
                "There is nothing to serve: both `--model_base_path` and `--model_config_file` are empty.",
                cure="Set one of them.",
            )
        if self.tensorflow_session_parallelism and (
            self.tensorflow_intra_op_parallelism or self.tensorflow_inter_op_parallelism
        ):
            raise InputError(
                "`--tensorflow_session_parallelism` is set together with one of the two that it stands for.",
                cure="Set either the one or the two.",
            )

    @property
    def port_flags(self) -> tuple[str, str]:
        """Return the flags that errors about the REST and the gRPC port name."""
        return ("--rest-port", "--grpc-port") if self.root else ("--rest_api_port", "--port")

    @property
    def rest_threads(self) -> int:
        """Return how many REST requests run at the same time."""
        return self.rest_api_num_threads or self._threads

    @property
    def grpc_threads(self) -> int:
        """Return how many gRPC requests run at the same time."""
        return self.grpc_max_threads or self._threads

    @property
    def metrics_path(self) -> str:
        """Return where metrics are served over REST; empty for nowhere. Root mode always has them.

        Raises:
            InputError: The file that says so cannot be used.
        """
        if self.monitoring_config_file or self.root is None:
            return monitoring.metrics_path(self.monitoring_config_file)
        return monitoring.DEFAULT_PATH

    @property
    def _threads(self) -> int:
        return BATCHING_THREADS if self.enable_batching else THREADS_PER_CORE * (os.cpu_count() or 1)

    @property
    def grpc_arguments(self) -> list[tuple[str, int | str]]:
        """Return `grpc_channel_arguments` as gRPC takes them; whole numbers are numbers."""
        pairs = (part.split("=", 1) for part in self.grpc_channel_arguments.split(",") if "=" in part)
        return [(name, int(value) if value.lstrip("-").isdecimal() else value) for name, value in pairs]

    @property
    def load(self) -> LoadOptions:
        """Return what loading one version needs to know."""
        return LoadOptions(
            tags=tuple(self.saved_model_tags.split(",")),
            warm_up=self.enable_model_warmup,
            max_rows=self.max_rows,
            warm_up_iterations=max(1, self.num_request_iterations_for_warmup),
            intra_op_threads=self.tensorflow_intra_op_parallelism or self.tensorflow_session_parallelism,
            inter_op_threads=self.tensorflow_inter_op_parallelism or self.tensorflow_session_parallelism,
        )


@dataclass(frozen=True)
class LoadOptions:
    """How one version is loaded.

    Attributes:
        tags: Tags of the graph in the SavedModel.
        warm_up: Run the version's warm-up requests, and every signature once, before it is available.
        warm_up_iterations: How often each warm-up request is run.
        intra_op_threads: Threads inside an operation; 0 for automatic.
        inter_op_threads: Threads between operations; 0 for automatic.
        max_rows: Rows of one request at most.
        batching: Runs requests as batches; None for one by one.
    """

    tags: tuple[str, ...] = ("serve",)
    warm_up: bool = True
    warm_up_iterations: int = 1
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    max_rows: int = 10_000
    batching: Scheduler | None = None
