"""Classify, regress and MultiInference as messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

from . import protos
from .errors import invalid
from .inference import CLASSIFY, REGRESS, Classification, Inference
from .json_tensor import Array
from .servable import DEFAULT_SIGNATURE


def examples(message: Any) -> list[bytes]:
    """Return the serialized Examples of an Input, its context in each."""
    if message.WhichOneof("kind") == "example_list_with_context":
        with_context = message.example_list_with_context
        context = with_context.context.SerializeToString()
        return [context + example.SerializeToString() for example in with_context.examples]
    return [example.SerializeToString() for example in message.example_list.examples]


def classification(result: Classification) -> Any:
    """Return a classification as a message."""
    message = classification_pb2.ClassificationResult()
    for labels, scores in zip(result.labels.tolist(), result.scores.tolist(), strict=True):
        entry = message.classifications.add()
        for label, score in zip(labels, scores, strict=True):
            # Labels are text in this message; what is no UTF-8 cannot be sent.
            entry.classes.add(label=label.decode("utf-8", "replace"), score=score)
    return message


def regression(values: Array) -> Any:
    """Return a regression as a message."""
    return regression_pb2.RegressionResult(
        regressions=[regression_pb2.Regression(value=value) for value in values.tolist()]
    )


def check_tasks(tasks: Sequence[Any], signatures: Any, inference: Inference) -> None:
    """Raise unless a MultiInference's tasks can all be run.

    Raises:
        ServingError: INVALID_ARGUMENT: they name several models, a signature twice or one that is not there.
            UNIMPLEMENTED: a method other than classify and regress.
    """
    seen: set[str] = set()
    for task in tasks:
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in seen:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if name not in signatures:
            raise invalid(f"Requested signature not found in model graph: {name}")
        inference.check(signatures[name], task.method_name)


def run_tasks(tasks: Sequence[Any], serialized: Sequence[bytes], inference: Inference, version: int) -> Any:
    """Return the answer to a MultiInference whose tasks were checked.

    Raises:
        ServingError: A signature cannot be run on these Examples.
    """
    response = inference_pb2.MultiInferenceResponse()
    for task in tasks:
        name = task.model_spec.signature_name
        spec = protos.model_spec(task.model_spec.name, version, name or DEFAULT_SIGNATURE)
        result = response.results.add(model_spec=spec)
        if task.method_name == CLASSIFY:
            result.classification_result.CopyFrom(classification(inference.classify(name, serialized)))
        elif task.method_name == REGRESS:
            result.regression_result.CopyFrom(regression(inference.regress(name, serialized)))
    return response
