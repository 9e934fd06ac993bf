"""TensorFlow Serving's REST API as an ASGI application."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from time import monotonic

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from . import metrics as exposition
from .errors import Code, ServingError, invalid
from .limits import Admission
from .manager import Manager
from .metrics import Metrics
from .options import ServerOptions
from .request_body import read_body
from .rest_models import RestModels
from .rest_target import Target, parse_target

CORS_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}

# Probes must not wait behind predictions, nor be refused because too many of those wait.
_CONTROL = ("metadata", "")
_CONTROL_THREADS = 2

_log = logging.getLogger(__name__)


class RestApi:
    """Answer REST requests.

    Args:
        manager: Holds the models.
        executor: Runs the requests; its size bounds how many run at once.
        options: Limits, the longest time for a request, and whether to send CORS headers.
        metrics: Gets every request.
        metrics_path: Where metrics are served; empty for nowhere.
        admission: Refuses requests when too many wait.
    """

    def __init__(
        self,
        manager: Manager,
        executor: Executor,
        options: ServerOptions,
        metrics: Metrics,
        metrics_path: str,
        admission: Admission,
    ) -> None:
        self._executor = executor
        self._control = ThreadPoolExecutor(_CONTROL_THREADS, thread_name_prefix="serving-control")
        self._options = options
        self._metrics = metrics
        self._metrics_path = metrics_path
        self._admission = admission
        self._timeout = options.rest_api_timeout_in_ms / 1000
        self._headers = CORS_HEADERS if options.rest_api_enable_cors_support else {}
        self._models = RestModels(
            manager,
            metrics,
            options.max_json_depth,
            options.max_rows,
            options.enable_signature_method_name_check,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        path = request.scope.get("raw_path", b"").decode("latin-1")
        if path == self._metrics_path:
            return Response(self._metrics.render(), media_type=exposition.CONTENT_TYPE)
        if not path.lower().startswith("/v1/"):
            return PlainTextResponse("Not Found", status_code=404)
        if self._headers and request.method == "OPTIONS":
            return self._preflight(request)
        started = monotonic()
        target, code = Target("", None, "", ""), Code.OK
        try:
            target = parse_target(request.method, path)
            content = await self._answer(request, target, started)
            response = Response(content, headers=self._headers, media_type="application/json")
        except ServingError as error:
            code = error.code
            response = self._failure(error)
            # The future refers to the error and its traceback to the future: the body would stay until the
            # next garbage collection.
            error.__traceback__ = error.__cause__ = error.__context__ = None
        # Whatever goes wrong in here must not look to the caller as if HTTP itself had failed.
        except Exception as error:
            _log.exception("A request failed: %s %s", request.method, path)
            code = Code.INTERNAL
            response = self._failure(ServingError(code, f"Internal error: {type(error).__name__}."))
        self._metrics.request(
            target.model,
            "" if request.method == "GET" else target.action,
            "REST",
            code,
            monotonic() - started,
        )
        return response

    async def _answer(self, request: Request, target: Target, started: float) -> bytes:
        body = await read_body(request, self._options.max_body_bytes, self._options.max_decompressed_bytes)
        deadline = started + self._timeout
        work = partial(self._models.answer, target, body, deadline)
        future = self._control.submit(work) if target.action in _CONTROL else self._submit(work)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), max(0.0, deadline - monotonic()))
        except asyncio.TimeoutError as error:
            raise ServingError(
                Code.DEADLINE_EXCEEDED, f"No answer within {self._options.rest_api_timeout_in_ms} ms."
            ) from error

    def _submit(self, work: Callable[[], bytes]) -> Future[bytes]:
        self._admission.enter()

        def timed() -> bytes:
            with self._admission.timed():
                return work()

        future = self._executor.submit(timed)
        # Also when it is cancelled before its turn.
        future.add_done_callback(lambda _: self._admission.leave())
        return future

    def _preflight(self, request: Request) -> Response:
        if not request.headers.get("origin", "").lower().startswith(("http://", "https://")):
            return self._failure(invalid("Origin header is missing in CORS preflight"))
        return Response(headers=self._headers)

    def _failure(self, error: ServingError) -> Response:
        text = json.dumps({"error": error.message}, indent=4, ensure_ascii=False)
        headers = dict(self._headers)
        if error.http_status == 413:
            # A rejected body may still be on its way: without this the rest of it reads as the next request.
            headers["Connection"] = "close"
        if error.http_status in (429, 503):
            headers["Retry-After"] = "1"
        body = text.encode("utf-8", "backslashreplace")
        return Response(body, error.http_status, headers, media_type="application/json")
