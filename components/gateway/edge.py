"""The outermost layer: follows, logs and counts every request, and sets the headers of every answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import tracing
from .errors import GatewayError
from .gateway import Gateway
from .logs import REQUESTS
from .refusal import refuse

_LOG = logging.getLogger(REQUESTS)
_QUIET = ("/healthz", "/readyz", "/metrics")
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(self), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Edge:
    """ASGI middleware.

    Args:
        app: What answers.
        gateway: Its parts.
    """

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a failure that nobody foresaw becomes a 500 in the API's form."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = _header(scope, b"traceparent")
        with self._gateway.tracer.request(f"{scope['method']} {scope['path']}", parent) as span:
            await self._follow(scope, receive, send, span)

    async def _follow(self, scope: Scope, receive: Receive, send: Send, span: Any) -> None:
        trace, started = tracing.current(), time.perf_counter()
        seen: dict[str, Any] = {"status": 0, "version": None}

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                headers = _decorated(scope, message.get("headers", ()), trace)
                seen["version"] = _find(headers, b"x-lodestar-version")
                message = {**message, "headers": headers}
            await send(message)

        metrics = self._gateway.metrics
        metrics.in_flight.inc()
        try:
            await self._app(scope, receive, watch)
        except Exception:
            _LOG.exception("The request failed", extra={"fields": {"trace_id": trace.trace_id}})
            if seen["status"]:
                raise
            await refuse(watch, GatewayError(500, "internal", "Something failed here; the log says what."))
        finally:
            metrics.in_flight.dec()
            self._account(scope, seen, time.perf_counter() - started, trace, span)

    def _account(
        self, scope: Scope, seen: Mapping[str, Any], seconds: float, trace: tracing.Trace, span: Any
    ) -> None:
        route, method, status = _route(scope), _method(scope), seen["status"]
        metrics = self._gateway.metrics
        metrics.requests.labels(route, method, str(status)).inc()
        metrics.seconds.labels(route).observe(seconds)
        if span is not None:
            span.set_attributes({"http.route": route, "http.response.status_code": status})
        if scope["path"] in _QUIET and status == 200:
            return
        fields = {
            "trace_id": trace.trace_id,
            "method": method,
            "path": scope["path"][:500],
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "caller": scope.get("lodestar.caller"),
            "version": seen["version"],
        }
        level = logging.WARNING if status >= 500 or status == 0 else logging.INFO
        _LOG.log(level, "%s %s %s", method, quote(scope["path"][:500]), status, extra={"fields": fields})


def _decorated(scope: Scope, headers: Any, trace: tracing.Trace) -> list[tuple[bytes, bytes]]:
    given = {name.lower() for name, _ in headers}
    added = {**SECURITY, "traceparent": trace.traceparent}
    if scope["path"].startswith("/v1/"):
        added["Cache-Control"] = "no-store"
    extra = [(name.lower().encode(), value.encode()) for name, value in added.items()]
    return [*headers, *((name, value) for name, value in extra if name not in given)]


def _route(scope: Scope) -> str:
    # Templates, not paths: the number of label values must not depend on what callers send.
    return str(getattr(scope.get("route"), "path_format", "")) or "other"


def _method(scope: Scope) -> str:
    known = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
    return scope["method"] if scope["method"] in known else "other"


def _header(scope: Scope, name: bytes) -> str:
    return _find(scope["headers"], name) or ""


def _find(headers: Any, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)
