"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from .importer import Imported
from .predictor import Call

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counters of one gateway; labels only take values that the code knows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prefix = "lodestar_gateway_"
        self.requests = Counter(
            f"{prefix}requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            f"{prefix}request_seconds",
            "Time to answer a request.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.in_flight = Gauge(f"{prefix}in_flight", "Requests under way.", registry=self.registry)
        self.rejected = Counter(
            f"{prefix}rejected", "Requests refused before any work.", ("reason",), registry=self.registry
        )
        self.model_calls = Counter(
            f"{prefix}model_calls",
            "Calls to model servers, by how they ended.",
            ("model", "method", "code"),
            registry=self.registry,
        )
        self.model_seconds = Histogram(
            f"{prefix}model_seconds",
            "Time of a call to a model server, retries included.",
            ("model", "method"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.model_retries = Counter(
            f"{prefix}model_retries",
            "Calls to model servers that were repeated.",
            ("model",),
            registry=self.registry,
        )
        self.feedback = Counter(
            f"{prefix}feedback_events", "Events kept.", ("model", "type"), registry=self.registry
        )
        self.answers = Counter(
            f"{prefix}answers", "Rankings, by version.", ("model", "version", "label"), registry=self.registry
        )
        self.imports = Counter(
            f"{prefix}catalogue_imports", "Imports, by outcome.", ("model", "outcome"), registry=self.registry
        )
        self.items = Gauge(
            f"{prefix}catalogue_items", "Items in the catalogue.", ("model",), registry=self.registry
        )

    def call(self, call: Call) -> None:
        """Count a call to a model server."""
        self.model_calls.labels(call.model, call.method, call.code).inc()
        self.model_seconds.labels(call.model, call.method).observe(call.seconds)
        if call.retries:
            self.model_retries.labels(call.model).inc(call.retries)

    def kept(self, model: str, kind: str) -> None:
        """Count an event of feedback."""
        self.feedback.labels(model, kind).inc()

    def imported(self, model: str, done: Imported | None) -> None:
        """Count an import; None is one that failed."""
        self.imports.labels(model, "failed" if done is None else "done").inc()
        if done is not None:
            self.items.labels(model).set(done.items)

    def text(self) -> bytes:
        """Return everything in Prometheus's format."""
        return generate_latest(self.registry)
