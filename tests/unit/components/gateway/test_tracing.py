from __future__ import annotations

import io
import json
import logging

import pytest

from components.gateway import tracing
from components.gateway.logs import JsonLines
from components.gateway.predictor import Call
from components.gateway.tracing import Tracer

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_trace_of_the_caller_goes_on():
    with Tracer().request("GET /", PARENT) as span:
        trace = tracing.current()
        assert (span, trace.trace_id, trace.sampled) == (None, PARENT[3:35], True)
        assert tracing.headers() == (("traceparent", trace.traceparent),)
        assert trace.span_id != PARENT[36:52]
    assert tracing.headers() == ()


@pytest.mark.parametrize(
    "parent",
    ["", "x", PARENT.upper(), "00-" + "0" * 32 + PARENT[35:], PARENT[:36] + "0" * 16 + "-01", PARENT + "-x"],
)
def test_header_that_is_none_begins_a_trace(parent):
    with Tracer().request("GET /", parent):
        trace = tracing.current()
    assert len(trace.trace_id) == 32 and trace.trace_id not in PARENT


def test_spans_of_request_and_call_belong_together(monkeypatch):
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    monkeypatch.setenv(tracing.ENDPOINT, "http://127.0.0.1:1")
    tracer, memory = Tracer(), export.InMemorySpanExporter()
    # The processor that would send over the network is put aside.
    tracer._provider._active_span_processor._span_processors = (SimpleSpanProcessor(memory),)
    with tracer.request("GET /v1/search", PARENT):
        tracer.call(Call("m", "serving_default", "UNAVAILABLE", 0.25, 1))
        trace = tracing.current()
    call, request = memory.get_finished_spans()
    assert f"{request.context.trace_id:032x}" == trace.trace_id == PARENT[3:35]
    assert call.parent.span_id == request.context.span_id
    assert (call.attributes["lodestar.model"], call.attributes["lodestar.retries"]) == ("m", 1)
    assert call.status.status_code.name == "ERROR"
    assert 0.2e9 < call.end_time - call.start_time < 0.3e9
    tracer.close()


def test_log_is_one_object_per_line_whatever_the_text():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.info("a\nb %s", "c", extra={"fields": {"status": 200, "version": None}})
    try:
        raise ValueError("boom\nbang")
    except ValueError:
        logger.exception("failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], first["status"], first["level"]) == ("a\nb c", 200, "info")
    assert "version" not in first and first["time"].endswith("Z")
    assert "boom\nbang" in second["exception"]
