"""A gRPC server with the reload and label rules of TensorFlow Serving, whose loading a test decides on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

START, LOADING, AVAILABLE, END = 10, 20, 30, 50


class Double(
    model_service_pb2_grpc.ModelServiceServicer, prediction_service_pb2_grpc.PredictionServiceServicer
):
    """One family's versions: which are on the volume, which do not load, which still load."""

    def __init__(self, on_volume: tuple[int, ...], available: tuple[int, ...] = ()) -> None:
        self.on_volume = set(on_volume)
        self.broken: dict[int, str] = {}
        self.held: set[int] = set()
        self.lock = threading.RLock()
        self.states: dict[int, tuple[int, str]] = dict.fromkeys(available, (AVAILABLE, ""))
        self.labels: dict[str, int] = {}
        self.reloads: list[tuple[tuple[int, ...], dict[str, int]]] = []
        self.reloaded = threading.Condition(self.lock)
        self.models: list[str] = []
        # Other families whose labels cannot be assigned here.
        self.lost: set[str] = set()
        self.refused = 0

    def available(self) -> list[int]:
        with self.lock:
            return sorted(v for v, (state, _) in self.states.items() if state == AVAILABLE)

    def release(self, version: int) -> None:
        """Let a version that is held become what it becomes."""
        with self.lock:
            self.held.discard(version)
            if self.states.get(version, (END, ""))[0] == LOADING:
                self._load(version)

    def wait_for_reload(self, versions: tuple[int, ...]) -> None:
        with self.lock:
            assert self.reloaded.wait_for(lambda: any(v == versions for v, _ in self.reloads), 10), (
                self.reloads
            )

    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:
        [config] = [c for c in request.config.model_config_list.config if c.name == "a"]
        wanted = tuple(config.model_version_policy.specific.versions)
        if not wanted:
            wanted = (max(self.on_volume),)
        with self.lock:
            self.models = [c.name for c in request.config.model_config_list.config]
            for other in request.config.model_config_list.config:
                if other.name in self.lost and other.version_labels:
                    context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"no such version of {other.name}")
            for version in config.version_labels.values():
                if self.states.get(version, (END, ""))[0] != AVAILABLE:
                    self.refused += 1
                    self.reloaded.notify_all()
                    text = f"Request to assign label to version {version} of model a, which is not currently"
                    context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{text} available for inference")
            self.labels = dict(config.version_labels)
            for version in list(self.states):
                if version not in wanted and self.states[version][0] != END:
                    self.states[version] = (END, "")
            for version in wanted:
                if version in self.on_volume and self.states.get(version, (END, ""))[0] == END:
                    self._load(version)
            self.reloads.append((wanted, self.labels))
            self.reloaded.notify_all()
        return model_management_pb2.ReloadConfigResponse()

    def GetModelStatus(self, request: Any, context: Any) -> Any:
        response = get_model_status_pb2.GetModelStatusResponse()
        with self.lock:
            if request.model_spec.name != "a" or not self.states:
                context.abort(grpc.StatusCode.NOT_FOUND, "Could not find any versions of model a")
            for version, (state, message) in self.states.items():
                entry = response.model_version_status.add(version=version, state=state)
                entry.status.error_code = 13 if message else 0
                entry.status.error_message = message
        return response

    def GetModelMetadata(self, request: Any, context: Any) -> Any:
        label = request.model_spec.version_label
        with self.lock:
            if label not in self.labels:
                text = f"Unrecognized servable version label: {label}"
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.model_spec.version.value = self.labels[label]
        return response

    def _load(self, version: int) -> None:
        if version in self.held:
            self.states[version] = (LOADING, "")
        elif version in self.broken:
            self.states[version] = (END, self.broken[version])
        else:
            self.states[version] = (AVAILABLE, "")


@contextmanager
def listening(double: Double, port: int = 0) -> Iterator[str]:
    """Serve a double; gives its address."""
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(double, server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(double, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()
