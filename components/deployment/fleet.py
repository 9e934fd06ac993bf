"""The model servers of a family, over gRPC: TensorFlow Serving, or ours."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from operator import methodcaller
from types import TracebackType
from typing import Any, Protocol

import grpc

from components.deployment import messages
from components.errors import InputError, LodestarError
from components.serving.errors import Code
from components.serving.status import State, VersionStatus

DEFAULT_SERVER = "127.0.0.1:8500"
_CALL_S, _PROBE_S = 10.0, 2.0
_METADATA = "signature_def"


class Refused(LodestarError):
    """Signal that a server answered with an error.

    Args:
        server: Which.
        code: What kind of error.
        message: The server's words.
    """

    def __init__(self, server: str, code: Code, message: str) -> None:
        super().__init__(f"The model server {server} answers {code.name}: {message.rstrip('.')}.")
        self.code = code
        self.message = message


class Gone(LodestarError):
    """Signal that a server does not answer."""

    def __init__(self, server: str, why: str) -> None:
        super().__init__(
            f"The model server {server} does not answer: {why.rstrip('.')}.",
            cure="Check the address, and that the server runs.",
        )


class ModelServer:
    """One server.

    Args:
        name: For messages.
        channel: A channel to it.
    """

    def __init__(self, name: str, channel: Any) -> None:
        self.name = name
        models = "/tensorflow.serving.ModelService/"
        self._reload = _method(channel, f"{models}HandleReloadConfigRequest", messages.ReloadConfigResponse)
        self._status = _method(channel, f"{models}GetModelStatus", messages.GetModelStatusResponse)
        metadata = "/tensorflow.serving.PredictionService/GetModelMetadata"
        self._metadata = _method(channel, metadata, messages.GetModelMetadataResponse)

    def reload(self, config: Any, timeout: float) -> None:
        """Let the server have these models and no others; waits for models that are new to it.

        Whether they could be loaded is not said: `states` has that, for each version.

        Raises:
            Refused: It does not take the list.
            Gone: It does not answer.
        """
        try:
            self._call(self._reload, messages.ReloadConfigRequest(config=config), timeout)
        except Refused as refused:
            # The list was taken; some model of it, which may be another family's, has no version that loads.
            if refused.code is not Code.UNKNOWN:
                raise

    def states(self, model: str) -> dict[int, VersionStatus]:
        """Return version -> state; empty when the server does not know the model.

        Raises:
            Refused: It does not say.
            Gone: It does not answer.
        """
        request = messages.GetModelStatusRequest()
        request.model_spec.name = model
        try:
            answer = self._call(self._status, request, _CALL_S)
        except Refused as refused:
            if refused.code is Code.NOT_FOUND:
                return {}
            raise
        return {
            entry.version: VersionStatus(
                entry.version,
                State(entry.state or State.START),
                _code(entry.status.error_code),
                entry.status.error_message,
            )
            for entry in answer.model_version_status
        }

    def labelled(self, model: str, label: str) -> int | None:
        """Return the version that answers for a label; None when the label is not in use.

        Raises:
            Gone: It does not answer.
        """
        request = messages.GetModelMetadataRequest(metadata_field=[_METADATA])
        request.model_spec.name, request.model_spec.version_label = model, label
        try:
            return int(self._call(self._metadata, request, _CALL_S).model_spec.version.value)
        except Refused:
            return None

    def _call(self, method: Any, request: Any, timeout: float) -> Any:
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            code = Code(error.code().value[0])
            if code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED):
                raise Gone(self.name, error.details() or code.name) from None
            raise Refused(self.name, code, error.details() or "") from None


class Fleet(Protocol):
    """The servers that a deployment is about."""

    def servers(self) -> Sequence[ModelServer]:
        """Return those that take requests now.

        Raises:
            LodestarError: They cannot be listed.
        """

    def starting(self) -> Sequence[str]:
        """Return the names of those that have read what was deployed, and do not take requests yet."""

    def trouble(self) -> str:
        """Return why a server cannot start; empty when there is no such reason."""

    def renew(self) -> None:
        """Let those that could not start begin anew with what is deployed now; `trouble` forgets them."""


class FixedFleet:
    """Servers at addresses that do not change; a context that closes its connections.

    Args:
        addresses: `host:port` of each server's gRPC API.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._channels = [open_channel(address) for address in addresses]
        self._servers = [ModelServer(*pair) for pair in zip(addresses, self._channels, strict=True)]

    def servers(self) -> Sequence[ModelServer]:
        """Return all of them."""
        return self._servers

    def starting(self) -> Sequence[str]:
        """Return none: nobody knows of a server that does not listen yet."""
        return []

    def trouble(self) -> str:
        """Return nothing: a server that cannot start does not answer."""
        return ""

    def renew(self) -> None:
        """Do nothing: whoever started a server starts it again."""

    def close(self) -> None:
        """Close the connections."""
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> FixedFleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_channel(address: str) -> Any:
    """Return a channel to `host:port`; proxies of the environment are not asked."""
    # A deployer waits for a server that restarts; it must not wait for gRPC's next attempt as well.
    options = [("grpc.enable_http_proxy", 0), ("grpc.max_reconnect_backoff_ms", 1000)]
    return grpc.insecure_channel(address, options=options)


def is_listening(address: str) -> bool:
    """Return whether somebody listens at `host:port`.

    Raises:
        InputError: It is no address.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"`{address}` is no address of a model server.", cure="Give it as HOST:8500.")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _PROBE_S):
            return True
    except OSError:
        return False


def _method(channel: Any, path: str, answer: Any) -> Any:
    serialize = methodcaller("SerializeToString")
    return channel.unary_unary(path, request_serializer=serialize, response_deserializer=answer.FromString)


def _code(number: int) -> Code:
    try:
        return Code(number)
    except ValueError:
        return Code.UNKNOWN
