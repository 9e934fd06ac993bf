"""TensorFlow Serving's gRPC API: Predict, GetModelMetadata and GetModelStatus."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from . import protos
from .errors import ServingError, invalid
from .manager import Manager
from .servable import DEFAULT_SIGNATURE

MAX_MESSAGE_BYTES = 64 * 2**20

_SIGNATURE_DEF = "signature_def"
_MAX_CONCURRENT = 1000
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def make_server(manager: Manager, executor: ThreadPoolExecutor) -> grpc.Server:
    """Return a server that answers from `manager`, without a port, not started."""
    options = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # Otherwise a second server on the same port would share its requests instead of failing.
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(executor, options=options, maximum_concurrent_rpcs=_MAX_CONCURRENT)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Predictions(manager), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(manager), server)
    return server


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run a signature."""
        return _answer(self._predict, request, context)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the signatures of a version."""
        return _answer(self._metadata, request, context)

    def _predict(self, request: Any) -> Any:
        model, version = _target(request)
        inputs = {name: protos.to_array(name, proto) for name, proto in request.inputs.items()}
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        with self._manager.lease(model, version) as served:
            outputs = served.servable.predict(signature, inputs, request.output_filter)
            spec = protos.model_spec(model, served.version, signature)
        return predict_pb2.PredictResponse(
            model_spec=spec, outputs={name: protos.to_proto(array) for name, array in outputs.items()}
        )

    def _metadata(self, request: Any) -> Any:
        model, version = _target(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise invalid(f"Metadata field {field} is not supported")
        with self._manager.lease(model, version) as served:
            signatures = protos.signature_map(served.servable.signatures)
            spec = protos.model_spec(model, served.version)
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=spec)
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the state of every version of a model, or of one."""
        return _answer(self._status, request, context)

    def _status(self, request: Any) -> Any:
        model, version = _target(request)
        return protos.status_response(self._manager.statuses(model, version))


def _answer(handler: Callable[[Any], Any], request: Any, context: grpc.ServicerContext) -> Any:
    try:
        return handler(request)
    except ServingError as error:
        return context.abort(_CODES[error.code], error.message)


def _target(request: Any) -> tuple[str, int | None]:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    if spec.version_label:
        raise invalid(f"Unrecognized servable version label: {spec.version_label}")
    return spec.name, spec.version.value if spec.HasField("version") else None
