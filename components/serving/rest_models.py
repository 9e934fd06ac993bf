"""Answer what a REST path asks of the models; one call per request, in a worker thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

from google.protobuf import json_format, message

from . import (
    json_depth,
    json_examples,
    json_output,
    json_parse,
    json_results,
    json_size,
    json_tensor,
    protos,
)
from .errors import invalid
from .inference import Inference
from .json_tensor import Array
from .manager import Manager
from .metrics import Metrics
from .rest_target import Target
from .versions import Served

_LARGE_BYTES = 2**18

T = TypeVar("T")


class RestModels:
    """Turn targets and bodies into the bodies of answers.

    Args:
        manager: Holds the models.
        metrics: Gets the time of each run and the number of examples.
        max_depth: Deepest nesting of a body.
        max_rows: Rows of a request at most.
        check_methods: Whether classify and regress look at a signature's method name.
    """

    def __init__(
        self, manager: Manager, metrics: Metrics, max_depth: int, max_rows: int, check_methods: bool
    ) -> None:
        self._manager = manager
        self._metrics = metrics
        self._max_depth = max_depth
        self._max_rows = max_rows
        self._large = threading.Lock()
        self._check_methods = check_methods
        self._actions: Mapping[str, Callable[[Target, bytes, float | None], bytes]] = {
            "predict": self._predict,
            "classify": partial(self._examined, "Classify", Inference.classify, json_results.classifications),
            "regress": partial(self._examined, "Regress", Inference.regress, json_results.regressions),
            "metadata": self._metadata,
            "": self._status,
        }

    def answer(self, target: Target, body: bytes, deadline: float | None = None) -> bytes:
        """Return the body of the answer.

        Args:
            target: What the path names.
            body: The request's body, decompressed.
            deadline: When the model stops running for this request, in `monotonic` seconds.

        Raises:
            ServingError: The request is wrong, or cannot be answered.
        """
        if not target.model:
            raise invalid("Missing model name in request.")
        return self._actions[target.action](target, body, deadline)

    def _predict(self, target: Target, body: bytes, deadline: float | None) -> bytes:
        document = self._document(body)
        signature = json_tensor.signature_name(document)
        with self._manager.lease(target.model, target.version, target.label) as served:
            dtypes = served.servable.input_dtypes(signature)
            request = json_tensor.read_inputs(document, dtypes, served.servable.optional_inputs(signature))
            outputs = self._runner(target, served, "Predict", deadline)(signature, request.arrays)
        return json_output.render(outputs, request.format)

    def _examined(
        self,
        api: str,
        infer: Callable[[Inference, str, list[bytes]], T],
        render: Callable[[T], bytes],
        target: Target,
        body: bytes,
        deadline: float | None,
    ) -> bytes:
        signature, examples = self._examples(body)
        with self._manager.lease(target.model, target.version, target.label) as served:
            result = infer(self._inference(target, served, api, deadline), signature, examples)
        self._metrics.examples(target.model, len(examples))
        return render(result)

    def _status(self, target: Target, body: bytes, deadline: float | None) -> bytes:
        version = target.version
        if target.label:
            version = self._manager.version_of(target.model, target.label)
        return _json(_message_dict(protos.status_response(self._manager.statuses(target.model, version))))

    def _metadata(self, target: Target, body: bytes, deadline: float | None) -> bytes:
        with self._manager.lease(target.model, target.version, target.label) as served:
            signatures = protos.signature_map(served.servable.signatures)
            spec = protos.model_spec(target.model, served.version)
        metadata = {"signature_def": _message_dict(signatures)}
        return _json({"model_spec": _message_dict(spec), "metadata": metadata})

    def _document(self, body: bytes) -> dict[str, Any]:
        # Large bodies take turns: two at the same time need twice the memory and are not faster.
        with self._large if len(body) > _LARGE_BYTES else nullcontext():
            small = json_depth.bounded(body, self._max_depth)
            json_size.check(small, self._max_rows)
            return json_parse.parse(small, self._max_depth)

    def _examples(self, body: bytes) -> tuple[str, list[bytes]]:
        document = self._document(body)
        return json_tensor.signature_name(document), json_examples.read(document)

    def _inference(self, target: Target, served: Served, api: str, deadline: float | None) -> Inference:
        runner = self._runner(target, served, api, deadline)
        return Inference(served.servable.signatures, runner, self._check_methods)

    def _runner(
        self, target: Target, served: Served, api: str, deadline: float | None
    ) -> Callable[[str, Mapping[str, Array]], dict[str, Array]]:
        return partial(
            self._metrics.run, target.model, api, partial(served.servable.predict, deadline=deadline)
        )


def _message_dict(proto: message.Message) -> dict[str, Any]:
    return json_format.MessageToDict(
        proto, including_default_value_fields=True, preserving_proto_field_name=True
    )


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
