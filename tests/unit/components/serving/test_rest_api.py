from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving.limits import Admission
from components.serving.metrics import Metrics
from components.serving.models import make_manager
from components.serving.options import ServerOptions
from components.serving.rest_api import RestApi
from components.serving.servable import Servable
from tests.contract.models import publish_half_plus_two

PREDICT = "/v1/models/m:predict"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "b64", "y"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(["instances", "inputs", "signature_name", "examples", "context", "other"])
BODIES = st.binary(max_size=30) | st.dictionaries(KEYS, VALUES, max_size=3).map(
    lambda document: json.dumps(document).encode("utf-8", "surrogatepass")
)
GOOD = b'{"instances": [1.0]}'


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self):
        return json.loads(self.body)["error"]


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    root = tmp_path_factory.mktemp("rest")
    (root / "m").mkdir()
    publish_half_plus_two(root / "m", 1)
    return ServerOptions(root=root)


@pytest.fixture(scope="module")
def manager(options):
    manager = make_manager(options, lambda event: None, Metrics())
    manager.begin(None)
    manager.wait_until_settled(["m"], lambda: False)
    yield manager
    manager.close(1)


@pytest.fixture(scope="module")
def workers():
    with ThreadPoolExecutor(2) as workers:
        yield workers


class Api:
    def __init__(self, manager, workers, options, threads=2, most_queued=8):
        self.metrics = Metrics(manager.knows)
        self.admission = Admission(threads, most_queued, 30.0)
        self._app = RestApi(manager, workers, options, self.metrics, "/metrics", self.admission)

    def call(self, method, path, body=b"", headers=()):
        return asyncio.run(self._call(method, path, body, headers))

    async def _call(self, method, path, body, headers):
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "path": path,
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            sent.append(message)

        await self._app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]))


@pytest.fixture
def api(manager, workers, options):
    return Api(manager, workers, options)


def test_a_prediction_is_answered_and_counted(api):
    assert json.loads(api.call("POST", PREDICT, GOOD).body) == {"predictions": [2.5]}
    assert 'request_count{model_name="m",status="OK"} 1' in api.metrics.render()


def test_a_failure_that_nobody_foresaw_is_json(api, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("secret")

    monkeypatch.setattr(Servable, "predict", broken)
    answer = api.call("POST", PREDICT, GOOD)
    assert (answer.status, answer.error) == (500, "Internal error: RuntimeError.")
    assert answer.headers["content-type"] == "application/json"
    assert 'request_count{model_name="m",status="INTERNAL"} 1' in api.metrics.render()


def test_a_request_that_takes_too_long_is_given_up(manager, workers, options, monkeypatch):
    api = Api(manager, workers, replace(options, rest_api_timeout_in_ms=20))
    released, done = threading.Event(), threading.Event()

    def slow(*_, **__):
        released.wait(30)
        done.set()
        return {}

    monkeypatch.setattr(Servable, "predict", slow)
    answer = api.call("POST", PREDICT, GOOD)
    assert (answer.status, answer.error) == (504, "No answer within 20 ms.")
    assert api.admission.inside == 1
    released.set()
    assert done.wait(30)


def test_a_request_beyond_the_queue_is_refused_before_any_work(manager, workers, options):
    api = Api(manager, workers, options, threads=1, most_queued=0)
    with api.admission.admitted():
        answer = api.call("POST", PREDICT, GOOD)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert api.call("POST", PREDICT, GOOD).status == 200


@pytest.mark.parametrize("path", ["/v1/models/m", "/v1/models/m/metadata"])
def test_probes_are_answered_when_the_queue_is_full(manager, workers, options, path):
    api = Api(manager, workers, options, threads=1, most_queued=0)
    with api.admission.admitted():
        assert api.call("GET", path).status == 200


def test_every_request_leaves_the_queue(api):
    for body in (GOOD, b"{", b""):
        api.call("POST", PREDICT, body)
    api.call("GET", "/v1/models/x")
    assert api.admission.inside == 0


@pytest.fixture(scope="module")
def shared(manager, workers, options):
    return Api(manager, workers, options)


@given(method=st.sampled_from(["predict", "classify", "regress"]), body=BODIES)
def test_any_body_is_answered_or_refused_with_a_reason(shared, method, body):
    answer = shared.call("POST", f"/v1/models/m:{method}", body)
    assert answer.status in (200, 400, 501)
    content = json.loads(answer.body)
    assert answer.status == 200 or content["error"]


def test_metrics_are_text(api):
    api.call("POST", PREDICT, GOOD)
    answer = api.call("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.body.decode() == api.metrics.render()


def test_pages_of_others_get_nothing_unless_cors_is_on(api):
    assert api.call("OPTIONS", PREDICT, headers=[("Origin", "https://example.org")]).status == 400
    answer = api.call("POST", PREDICT, GOOD, headers=[("Origin", "https://example.org")])
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 200), ("POST", 200), ("PUT", 400)])
def test_every_answer_has_cors_headers_when_cors_is_on(manager, workers, options, method, status):
    api = Api(manager, workers, replace(options, rest_api_enable_cors_support=True))
    answer = api.call(method, PREDICT, GOOD, headers=[("Origin", "https://example.org")])
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "*"
