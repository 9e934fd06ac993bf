"""Replay a version's own warm-up requests before it is available, as TensorFlow Serving does.

They lie in the SavedModel as `assets.extra/tf_serving_warmup_requests`: a TFRecord file of PredictionLog.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from . import grpc_inference, protos
from .errors import ServingError, invalid
from .inference import Inference

if TYPE_CHECKING:
    from .servable import Servable

REQUESTS = Path("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000


def replay(servable: Servable, folder: Path, iterations: int = 1) -> int:
    """Run every warm-up request of a version; return how many there were.

    Args:
        servable: The loaded version.
        folder: Its SavedModel.
        iterations: How often to run each request.

    Raises:
        ServingError: A request fails, cannot be read, or there are too many: the version is no good.
    """
    count = 0
    for log in read(folder):
        count += 1
        if count > MAX_RECORDS:
            raise invalid(
                f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {folder / REQUESTS}"
            )
        for _ in range(iterations):
            _run(servable, log)
    return count


def read(folder: Path) -> Iterator[Any]:
    """Yield the PredictionLogs of a version; none when it has no file of them.

    Raises:
        ServingError: The file is damaged.
    """
    path = folder / REQUESTS
    if not path.is_file():
        return
    try:
        for record in tf.compat.v1.io.tf_record_iterator(str(path)):
            yield PredictionLog.FromString(record)
    except (tf.errors.OpError, DecodeError) as error:
        raise invalid(f"Failed to parse warmup record: {error} from {path}") from error


def _run(servable: Servable, log: Any) -> None:
    kind = log.WhichOneof("log_type")
    runs = {
        "predict_log": _predict,
        "classify_log": _classify,
        "regress_log": _regress,
        "multi_inference_log": _multi,
    }
    if kind not in runs:
        raise invalid(f"Unsupported log_type for warmup: {kind}")
    try:
        runs[kind](servable, getattr(log, kind).request)
    except ServingError as error:
        raise ServingError(error.code, f"Warmup request failed: {error.message}") from error


def _predict(servable: Servable, request: Any) -> None:
    inputs = {name: protos.to_array(name, proto) for name, proto in request.inputs.items()}
    servable.predict(request.model_spec.signature_name, inputs, request.output_filter)


def _classify(servable: Servable, request: Any) -> None:
    _inference(servable).classify(request.model_spec.signature_name, grpc_inference.examples(request.input))


def _regress(servable: Servable, request: Any) -> None:
    _inference(servable).regress(request.model_spec.signature_name, grpc_inference.examples(request.input))


def _multi(servable: Servable, request: Any) -> None:
    inference = _inference(servable)
    grpc_inference.check_tasks(request.tasks, servable.signatures, inference)
    grpc_inference.run_tasks(request.tasks, grpc_inference.examples(request.input), inference, 0)


def _inference(servable: Servable) -> Inference:
    return Inference(servable.signatures, servable.predict)
