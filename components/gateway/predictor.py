"""Ask model servers over gRPC: TensorFlow Serving, or ours.

Calls go to the replicas in turn; one that a replica refuses or loses (UNAVAILABLE, CANCELLED) is repeated on
another.
Every method may be called from many threads at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from components.errors import LodestarError

from .retry import Budget, Retry
from .servers import Servers, open_channel

T = TypeVar("T")
Array = NDArray[Any]

DEFAULT_SIGNATURE = "serving_default"
_SIGNATURE_DEF = "signature_def"
_SILENCE_S = 2.0
_STATE = get_model_status_pb2.ModelVersionStatus.State


class PredictorError(LodestarError):
    """Signal that a model server did not answer, or refused.

    Attributes:
        code: gRPC's name of the status, e.g. `NOT_FOUND`.
        message: What the server said.
    """

    def __init__(self, model: str, code: str, message: str) -> None:
        super().__init__(
            f"The server of `{model}` answered {code}: {message}.",
            cure="Check its address and its log, and that the model is served.",
        )
        self.model = model
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.model, self.code, self.message))


@dataclass(frozen=True)
class Which:
    """A version of a model: by number, by label, or the newest that is served.

    Attributes:
        version: Its number.
        label: Its label; not together with a number.
    """

    version: int | None = None
    label: str | None = None


NEWEST = Which()


@dataclass(frozen=True)
class Answer:
    """What a signature returned.

    Attributes:
        version: The version that answered.
        outputs: Output name -> array; strings are object arrays of `bytes`.
    """

    version: int
    outputs: Mapping[str, Array]


@dataclass(frozen=True)
class Signatures:
    """What a version can be asked.

    Attributes:
        version: Which version it is.
        inputs: Signature name -> names of its inputs.
        defaults: Signature name -> inputs that may be left out.
    """

    version: int
    inputs: Mapping[str, frozenset[str]]
    defaults: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Call:
    """One call that ended, for metrics.

    Attributes:
        model: Who was asked.
        method: The signature, or `metadata`, or `status`.
        code: gRPC's name of how it ended.
        seconds: All attempts together.
        retries: Attempts after the first.
    """

    model: str
    method: str
    code: str
    seconds: float
    retries: int


@dataclass
class _Connection:
    channel: Any
    predictions: Any
    models: Any
    budget: Budget
    heard: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, address: str, budget: Budget) -> _Connection:
        channel = open_channel(address)
        predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return cls(channel, predictions, model_service_pb2_grpc.ModelServiceStub(channel), budget)

    def hear(self) -> None:
        self.heard = time.monotonic()


class Predictor:
    """Asks the servers; close it when done.

    Args:
        servers: Where they are.
        timeout: Seconds for one answer, all attempts together.
        retry: When to try again.
        on_call: Told of each call that ended.
        headers: Returns metadata that goes with every call, e.g. `traceparent`.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        timeout: float = 10.0,
        retry: Retry | None = None,
        on_call: Callable[[Call], None] = lambda call: None,
        headers: Callable[[], Sequence[tuple[str, str]]] = tuple,
    ) -> None:
        self.servers = servers
        self._timeout = timeout
        self._retry = retry or Retry()
        self._on_call = on_call
        self._headers = headers
        self._lock = threading.Lock()
        self._connections: dict[str, _Connection] = {}

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        which: Which = NEWEST,
        *,
        signature: str = DEFAULT_SIGNATURE,
        timeout: float | None = None,
    ) -> Answer:
        """Run a signature.

        Args:
            model: The model's name.
            inputs: Input name -> array, nested list or scalar, batch first.
            which: The version to ask.
            signature: The signature to run.
            timeout: Seconds; None for the predictor's.

        Raises:
            PredictorError: No replica answered in time, or one refused.
        """
        request = predict_pb2.PredictRequest(model_spec=_spec(model, which, signature))
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(_proto(value))
        response = self._call(model, signature, lambda c: c.predictions.Predict, request, timeout)
        outputs = {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}
        return Answer(response.model_spec.version.value, outputs)

    def signatures(self, model: str, which: Which = NEWEST, *, timeout: float | None = None) -> Signatures:
        """Return the signatures of a version that is served.

        Raises:
            PredictorError: See `predict`.
        """
        request = get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=_spec(model, which), metadata_field=[_SIGNATURE_DEF]
        )
        response = self._call(model, "metadata", lambda c: c.predictions.GetModelMetadata, request, timeout)
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[_SIGNATURE_DEF].Unpack(found)
        known = found.signature_def
        return Signatures(
            response.model_spec.version.value,
            {name: frozenset(signature.inputs) for name, signature in known.items()},
            {name: frozenset(getattr(signature, "defaults", ())) for name, signature in known.items()},
        )

    def versions(self, model: str, *, timeout: float | None = None) -> list[tuple[int, str]]:
        """Return number and state of every version that one replica knows, newest first.

        Raises:
            PredictorError: See `predict`; NOT_FOUND when it knows no version at all.
        """
        request = get_model_status_pb2.GetModelStatusRequest(model_spec=_spec(model, NEWEST))
        response = self._call(model, "status", lambda c: c.models.GetModelStatus, request, timeout)
        found = [(entry.version, _STATE.Name(entry.state)) for entry in response.model_version_status]
        return sorted(found, reverse=True)

    def reachable(self, timeout: float = 1.0) -> bool:
        """Return whether any replica accepts connections; one family may be away while the others answer."""
        ready = threading.Event()
        waiting = [
            grpc.channel_ready_future(self._connection(address).channel)
            for address in self.servers.addresses()
        ]
        for future in waiting:
            future.add_done_callback(lambda _: ready.set())
        found = ready.wait(timeout)
        for future in waiting:
            future.cancel()
        if not found:
            for address in self.servers.addresses():
                self._renew(address, self._connection(address))
        return found

    def close(self) -> None:
        """Close every channel; calls under way are cancelled."""
        with self._lock:
            for connection in self._connections.values():
                connection.channel.close()
            self._connections.clear()

    def _connection(self, address: str) -> _Connection:
        with self._lock:
            if address not in self._connections:
                self._connections[address] = _Connection.open(address, Budget())
            return self._connections[address]

    def _renew(self, address: str, silent: _Connection) -> None:
        """Replace a connection over which nothing has come for a while.

        A channel asks less and less often for a name that nobody has, as that of servers before their first
        deployment, after minutes once in two; a new one asks at once.
        """
        with self._lock:
            if self._connections.get(address) is silent and time.monotonic() - silent.heard > _SILENCE_S:
                # Not closed: a slow call may still be under way.
                self._connections[address] = _Connection.open(address, silent.budget)

    def _call(
        self, model: str, method: str, stub: Callable[[_Connection], Any], request: Any, timeout: float | None
    ) -> Any:
        address = self.servers.address(model)
        if not address:
            raise PredictorError(model, "NOT_FOUND", "no server is configured for it")
        started, retries, budget = time.monotonic(), 0, self._connection(address).budget

        def once(seconds: float) -> Any:
            connection = self._connection(address)
            try:
                answer = stub(connection)(request, timeout=seconds, metadata=tuple(self._headers()))
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    self._renew(address, connection)
                elif error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                    connection.hear()
                raise
            connection.hear()
            return answer

        def retried() -> None:
            nonlocal retries
            retries += 1

        code = "OK"
        try:
            return self._retry.call(once, timeout or self._timeout, budget, retried)
        except grpc.RpcError as error:
            code = error.code().name
            raise PredictorError(model, code, str(error.details()).rstrip(".")) from error
        finally:
            self._on_call(Call(model, method, code, time.monotonic() - started, retries))


def _spec(model: str, which: Which, signature: str = "") -> Any:
    spec = model_pb2.ModelSpec(name=model, signature_name=signature)
    if which.version is not None:
        spec.version.value = which.version
    elif which.label is not None:
        spec.version_label = which.label
    return spec


def _proto(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind in "USO":
        return tf.make_tensor_proto(np.asarray(value, dtype=np.object_), tf.string)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    elif array.dtype == np.int64 and not isinstance(value, np.ndarray):
        # Python's whole numbers mean int32 to TensorFlow.
        array = array.astype(np.int32)
    return tf.make_tensor_proto(array)
