"""Answer TensorFlow Serving's REST API: predict, model status, metadata."""

from __future__ import annotations

import asyncio
import json
import re
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format, message
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from . import json_output, json_parse, json_tensor, protos
from .errors import Code, ServingError, invalid
from .manager import Manager
from .request_body import read_body

_TARGET = r"(?:(?:/versions/(\d+))|(?:/labels/([^/:]+)))?"
_PREDICT = re.compile(rf"/v1/models/([^/:]+){_TARGET}:(classify|regress|predict)", re.IGNORECASE | re.ASCII)
_STATUS = re.compile(rf"/v1/models(?:/([^/:]+))?{_TARGET}(?:/(metadata))?", re.IGNORECASE | re.ASCII)
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class Target:
    """What a path names.

    Attributes:
        model: The model's name; empty when the path has none.
        version: None for the newest.
        label: A version label; empty when the path has none.
        action: What follows the model: `predict`, `metadata` or nothing.
    """

    model: str
    version: int | None
    label: str
    action: str


def parse_target(method: str, path: str) -> Target:
    """Return what `path` (still percent-encoded) asks for.

    Raises:
        ServingError: INVALID_ARGUMENT: no such method and path.
    """
    pattern = {"POST": _PREDICT, "GET": _STATUS}.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise invalid(f"Malformed request: {method} {path}")
    model, version, label, action = (group or "" for group in match.groups())
    return Target(unquote(model), _version(version) if version else None, unquote(label), action)


def _version(text: str) -> int:
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(_MAX_VERSION)) or int(digits) > _MAX_VERSION:
        raise invalid(f"Failed to convert version: {text} to numeric.")
    return int(digits)


class RestApi:
    """The ASGI application.

    Args:
        manager: Holds the models.
        executor: Runs the requests; its size bounds how many run at once.
    """

    def __init__(self, manager: Manager, executor: Executor) -> None:
        self._manager = manager
        self._executor = executor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = request.scope.get("raw_path", b"").decode("latin-1")
        if not path.lower().startswith("/v1/"):
            return PlainTextResponse("Not Found", status_code=404)
        try:
            target = parse_target(request.method, path)
            body = await read_body(request)
            loop = asyncio.get_running_loop()
            content = await loop.run_in_executor(
                self._executor, self._answer, request.method, path, target, body
            )
        except ServingError as error:
            return _error_response(error)
        return Response(content, media_type="application/json")

    def _answer(self, method: str, path: str, target: Target, body: bytes) -> bytes:
        if method == "POST":
            return self._post(path, target, body)
        if not target.model:
            raise invalid("Missing model name in request.")
        _refuse_label(target.label)
        return self._metadata(target) if target.action == "metadata" else self._status(target)

    def _post(self, path: str, target: Target, body: bytes) -> bytes:
        if target.action == "predict":
            return self._predict(target, body)
        if target.action in ("classify", "regress"):
            raise ServingError(Code.UNIMPLEMENTED, f"Method {target.action} is not available; use predict.")
        raise invalid(f"Malformed request: POST {path}")

    def _predict(self, target: Target, body: bytes) -> bytes:
        document = json_parse.parse(body)
        signature = json_tensor.signature_name(document)
        _refuse_label(target.label)
        with self._manager.lease(target.model, target.version) as served:
            request = json_tensor.read_inputs(document, served.servable.input_dtypes(signature))
            outputs = served.servable.predict(signature, request.arrays)
        return json_output.render(outputs, request.format)

    def _status(self, target: Target) -> bytes:
        statuses = self._manager.statuses(target.model, target.version)
        return _json(_message_dict(protos.status_response(statuses)))

    def _metadata(self, target: Target) -> bytes:
        with self._manager.lease(target.model, target.version) as served:
            signatures = protos.signature_map(served.servable.signatures)
            spec = protos.model_spec(target.model, served.version)
        metadata = {"signature_def": _message_dict(signatures)}
        return _json({"model_spec": _message_dict(spec), "metadata": metadata})


def _refuse_label(label: str) -> None:
    if label:
        raise invalid(f"Unrecognized servable version label: {label}")


def _message_dict(proto: message.Message) -> dict[str, Any]:
    return json_format.MessageToDict(
        proto, including_default_value_fields=True, preserving_proto_field_name=True
    )


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _error_response(error: ServingError) -> Response:
    text = json.dumps({"error": error.message}, indent=4, ensure_ascii=False)
    # A rejected body may still be on its way: without this the rest of it reads as the next request.
    headers = {"Connection": "close"} if error.http_status == 413 else {}
    body = text.encode("utf-8", "backslashreplace")
    return Response(body, error.http_status, headers, media_type="application/json")
