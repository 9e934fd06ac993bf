"""Which request this is: W3C trace context in and out, spans for OpenTelemetry where it is asked for."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from .predictor import Call

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NONE = ("0" * 32, "0" * 16)


@dataclass(frozen=True)
class Trace:
    """Where a request is in a trace.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits: the gateway's part.
        sampled: Whether the caller records it.
    """

    trace_id: str
    span_id: str
    sampled: bool = False

    @property
    def traceparent(self) -> str:
        """Return the header that tells others."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


_CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace:
    """Return the trace of the request under way; a new one outside of any."""
    return _CURRENT.get() or _begin("")


def headers() -> tuple[tuple[str, str], ...]:
    """Return what calls to model servers carry."""
    trace = _CURRENT.get()
    return () if trace is None else (("traceparent", trace.traceparent),)


class Tracer:
    """Follows requests; exports spans when `OTEL_EXPORTER_OTLP_ENDPOINT` is set, to there."""

    def __init__(self) -> None:
        self._tracer: Any = None
        self._provider: Any = None
        if os.environ.get(ENDPOINT):
            self._start()

    def _start(self) -> None:
        # Imported here: it costs a third of a second, and most gateways do without.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "lodestar-gateway")})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("lodestar.gateway")

    @contextmanager
    def request(self, name: str, traceparent: str) -> Iterator[Any]:
        """Make this the current request; yields its span, None when none is recorded."""
        if self._tracer is None:
            token = _CURRENT.set(_begin(traceparent))
            try:
                yield None
            finally:
                _CURRENT.reset(token)
            return
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
        with self._tracer.start_as_current_span(name, context=context, kind=SpanKind.SERVER) as span:
            found = span.get_span_context()
            trace = Trace(f"{found.trace_id:032x}", f"{found.span_id:016x}", found.trace_flags.sampled)
            token = _CURRENT.set(trace)
            try:
                yield span
            finally:
                _CURRENT.reset(token)

    def call(self, call: Call) -> None:
        """Record a call to a model server that has just ended."""
        if self._tracer is None:
            return
        from opentelemetry.trace import SpanKind, Status, StatusCode

        end = time.time_ns()
        attributes = {
            "rpc.system": "grpc",
            "rpc.method": call.method,
            "rpc.grpc.status": call.code,
            "lodestar.model": call.model,
            "lodestar.retries": call.retries,
        }
        span = self._tracer.start_span(
            f"{call.model} {call.method}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=end - int(call.seconds * 1e9),
        )
        if call.code != "OK":
            span.set_status(Status(StatusCode.ERROR, call.code))
        span.end(end)

    def close(self) -> None:
        """Export what is left."""
        if self._provider is not None:
            self._provider.shutdown()


def _begin(traceparent: str) -> Trace:
    match = _PARENT.fullmatch(traceparent)
    if match and match[1] != _NONE[0] and match[2] != _NONE[1]:
        return Trace(match[1], secrets.token_hex(8), bool(int(match[3], 16) & 1))
    return Trace(secrets.token_hex(16), secrets.token_hex(8))
