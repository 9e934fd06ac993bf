"""TensorFlow Serving's gRPC API: PredictionService and ModelService."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Any, TypeVar

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from . import config, grpc_inference, protos
from .errors import Code, ServingError, invalid
from .inference import Inference
from .json_tensor import Array
from .manager import Manager
from .metrics import Metrics
from .options import ServerOptions
from .servable import DEFAULT_SIGNATURE
from .versions import Served

MAX_MESSAGE_BYTES = 64 * 2**20

_SIGNATURE_DEF = "signature_def"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
# gRPC has no word for a call without a deadline; such a one is centuries away.
_NEVER_SECONDS = 1e9

_log = logging.getLogger(__name__)

T = TypeVar("T")


def make_server(
    manager: Manager,
    executor: ThreadPoolExecutor,
    options: ServerOptions,
    metrics: Metrics,
    interceptors: Sequence[grpc.ServerInterceptor] = (),
) -> grpc.Server:
    """Return a server that answers from `manager`, without a port, not started."""
    settings = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # Otherwise a second server on the same port would share its requests instead of failing.
        ("grpc.so_reuseport", 0),
        *options.grpc_arguments,
    ]
    server = grpc.server(
        executor,
        options=settings,
        interceptors=interceptors,
        maximum_concurrent_rpcs=options.max_connections,
    )
    predictions = _Predictions(manager, metrics, options.enable_signature_method_name_check)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(predictions, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(manager), server)
    return server


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, manager: Manager, metrics: Metrics, check_methods: bool) -> None:
        self._manager = manager
        self._metrics = metrics
        self._check_methods = check_methods

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run a signature."""
        return self._measured("Predict", request.model_spec.name, self._predict, request, context)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Classify Examples."""
        return self._measured("Classify", request.model_spec.name, self._classify, request, context)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return a number for each Example."""
        return self._measured("Regress", request.model_spec.name, self._regress, request, context)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Classify and regress the same Examples."""
        model = request.tasks[0].model_spec.name if request.tasks else ""
        return self._measured("MultiInference", model, self._multi, request, context)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the signatures of a version."""
        return _answer(self._metadata, request, context)

    def _measured(
        self, api: str, model: str, handler: Callable[..., Any], request: Any, context: grpc.ServicerContext
    ) -> Any:
        started = monotonic()
        code = Code.UNKNOWN
        try:
            response = handler(request, _deadline(context, started))
            code = Code.OK
        except ServingError as error:
            code = error.code
            return _refuse(error, context)
        except Exception as error:
            code = Code.INTERNAL
            return _refuse(_unexpected(error), context)
        finally:
            self._metrics.request(model, api, "GRPC", code, monotonic() - started)
        return response

    def _predict(self, request: Any, deadline: float | None) -> Any:
        model, version, label = _target(request)
        inputs = {name: protos.to_array(name, proto) for name, proto in request.inputs.items()}
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        with self._manager.lease(model, version, label) as served:
            predict = partial(served.servable.predict, deadline=deadline)
            outputs = self._metrics.run(model, "Predict", predict, signature, inputs, request.output_filter)
            spec = protos.model_spec(model, served.version, signature)
        return predict_pb2.PredictResponse(
            model_spec=spec, outputs={name: protos.to_proto(array) for name, array in outputs.items()}
        )

    def _classify(self, request: Any, deadline: float | None) -> Any:
        spec, result = self._examined("Classify", Inference.classify, request, deadline)
        return classification_pb2.ClassificationResponse(
            model_spec=spec, result=grpc_inference.classification(result)
        )

    def _regress(self, request: Any, deadline: float | None) -> Any:
        spec, result = self._examined("Regress", Inference.regress, request, deadline)
        return regression_pb2.RegressionResponse(model_spec=spec, result=grpc_inference.regression(result))

    def _examined(
        self,
        api: str,
        infer: Callable[[Inference, str, list[bytes]], T],
        request: Any,
        deadline: float | None,
    ) -> tuple[Any, T]:
        examples, signature = grpc_inference.examples(request.input), request.model_spec.signature_name
        model, version, label = _target(request)
        with self._manager.lease(model, version, label) as served:
            result = infer(self._inference(model, served, api, deadline), signature, examples)
            spec = protos.model_spec(model, served.version, signature or DEFAULT_SIGNATURE)
        self._metrics.examples(model, len(examples))
        return spec, result

    def _multi(self, request: Any, deadline: float | None) -> Any:
        if not request.tasks:
            raise invalid("ModelSpec has no name specified.")
        model, version, label = _target(request.tasks[0])
        examples = grpc_inference.examples(request.input)
        with self._manager.lease(model, version, label) as served:
            inference = self._inference(model, served, "MultiInference", deadline)
            grpc_inference.check_tasks(request.tasks, served.servable.signatures, inference)
            response = grpc_inference.run_tasks(request.tasks, examples, inference, served.version)
        self._metrics.examples(model, len(examples))
        return response

    def _metadata(self, request: Any) -> Any:
        model, version, label = _target(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise invalid(f"Metadata field {field} is not supported")
        with self._manager.lease(model, version, label) as served:
            signatures = protos.signature_map(served.servable.signatures)
            spec = protos.model_spec(model, served.version)
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=spec)
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    def _inference(self, model: str, served: Served, api: str, deadline: float | None) -> Inference:
        def run(signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
            predict = partial(served.servable.predict, deadline=deadline)
            return self._metrics.run(model, api, predict, signature, inputs)

        return Inference(served.servable.signatures, run, self._check_methods)


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the state of every version of a model, or of one."""
        return _answer(self._status, request, context)

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Serve what a new configuration says; returns when its new models are available."""
        return _answer(partial(self._reload, context), request, context)

    def _status(self, request: Any) -> Any:
        model, version, label = _target(request)
        if label:
            version = self._manager.version_of(model, label)
        return protos.status_response(self._manager.statuses(model, version))

    def _reload(self, context: grpc.ServicerContext, request: Any) -> Any:
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is"
                " currently supported"
            )
        started = monotonic()
        deadline = _deadline(context, started)
        wanted = config.from_proto(request.config)
        self._manager.reload(wanted, timeout=None if deadline is None else deadline - started)
        return model_management_pb2.ReloadConfigResponse()


def _answer(handler: Callable[[Any], Any], request: Any, context: grpc.ServicerContext) -> Any:
    try:
        return handler(request)
    except ServingError as error:
        return _refuse(error, context)
    except Exception as error:
        return _refuse(_unexpected(error), context)


def _refuse(error: ServingError, context: grpc.ServicerContext) -> Any:
    return context.abort(_CODES[error.code], error.message)


def _unexpected(error: Exception) -> ServingError:
    _log.error("A request failed.", exc_info=error)
    return ServingError(Code.INTERNAL, f"Internal error: {type(error).__name__}.")


def _deadline(context: grpc.ServicerContext, now: float) -> float | None:
    left = context.time_remaining()
    return None if left is None or left > _NEVER_SECONDS else now + left


def _target(request: Any) -> tuple[str, int | None, str]:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    if not spec.name:
        raise invalid("ModelSpec has no name specified.")
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label
