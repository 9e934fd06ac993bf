"""Keys, rates, health, metrics, and whatever else is sent to the gateway."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings

from components.gateway.keys import add_key
from components.gateway.servers import Servers
from tests import gateway_models as toys
from tests.gateway_client import RECOMMENDER, SEARCH, running
from tests.gateway_requests import Drawn, requests_of

EXAMPLES = int(os.environ.get("LODESTAR_GATEWAY_EXAMPLES", "300"))


# --- keys, rate, health ---


def test_key_is_asked_for_where_keys_are_configured(settings, tmp_path):
    path = tmp_path / "keys"
    key = add_key(path, "shop")
    with running(replace(settings, import_catalogue=False, api_keys=path)) as locked:
        parameters = {"model": SEARCH, "q": "i4"}
        headers = [{}, {"X-API-Key": "wrong"}, {"X-API-Key": key}, {"Authorization": f"Bearer {key}"}]
        answers = [locked("GET", "/v1/search", params=parameters, headers=one) for one in headers]
        assert [answer.status_code for answer in answers] == [401, 401, 200, 200]
        assert answers[0].headers["WWW-Authenticate"] == "Bearer"
        assert locked("GET", "/healthz").status_code == 200
        assert locked("GET", "/").status_code == 200
        path.write_text("")
        assert locked("GET", "/v1/models", headers={"X-API-Key": key}).status_code == 401


def test_caller_over_the_rate_is_told_when_to_come_back(settings):
    with running(replace(settings, import_catalogue=False, rate_limit="3/minute")) as slow:
        answers = [slow("GET", "/v1/users", params={"model": RECOMMENDER}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 0 < int(answers[3].headers["Retry-After"]) <= 60
        assert slow("GET", "/healthz").status_code == 200


def test_gateway_without_a_model_server_lives_but_is_not_ready(settings):
    with running(replace(settings, servers=Servers("127.0.0.1:1"), timeout_seconds=0.3)) as lonely:
        assert lonely("GET", "/healthz").status_code == 200
        assert lonely.error("GET", "/readyz") == (503, "unavailable", None)
        response = lonely("GET", "/v1/search", params={"model": SEARCH, "q": "a"})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")


def test_answers_carry_the_trace_and_what_browsers_must_heed(client):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = client(
        "GET", "/v1/search", params={"model": SEARCH, "q": "a"}, headers={"traceparent": parent}
    )
    assert response.json()["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert response.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert response.headers["traceparent"] != parent
    assert "script-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert client("GET", "/v1/absent").headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/absent", 404), ("DELETE", "/v1/search", 405), ("GET", "/v1/", 404)],
)
def test_what_is_not_there_is_an_error_in_the_same_form(client, method, path, status):
    assert client.error(method, path)[0] == status


def test_metrics_count_by_route_and_not_by_what_callers_send(client):
    for n in range(5):
        client("GET", f"/v1/recommend/metric-{n}")
        client("GET", f"/absent-{n}")
    text = client("GET", "/metrics").text
    assert 'lodestar_gateway_requests_total{method="GET",route="/v1/recommend/{user}",status="200"}' in text
    assert 'lodestar_gateway_model_calls_total{code="OK",method="serving_default",model="toy-search"}' in text
    assert "metric-1" not in text and "absent-1" not in text


# --- whatever is sent ---


def test_any_request_is_answered_as_described(client):
    openapi = client("GET", "/openapi.json").json()
    counts: Counter[int] = Counter()

    @given(requests_of(openapi, sorted(toys.FAMILIES)))
    @hypothesis_settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def answered(drawn: Drawn) -> None:
        headers = {"Content-Type": "application/json"} if drawn.body is not None else {}
        response = client(drawn.method, drawn.path, params=drawn.parameters, data=drawn.body, headers=headers)
        counts[response.status_code] += 1
        described = openapi["paths"][drawn.route][drawn.method.lower()]["responses"]
        # An id of dots or slashes may be another path to the HTTP client.
        assert str(response.status_code) in described or response.status_code in (404, 405), response.text
        assert response.status_code not in (500, 502)
        if response.status_code >= 400:
            assert set(response.json()["error"]) == {"code", "message", "field"}

    answered()
    assert counts[200] > EXAMPLES / 20, counts


def test_description_has_an_example_or_a_text_for_every_parameter(client):
    openapi = client("GET", "/openapi.json").json()
    operations = [one for methods in openapi["paths"].values() for one in methods.values()]
    parameters = [one for operation in operations for one in operation.get("parameters", ())]
    assert len(operations) >= 12
    assert [one["name"] for one in parameters if not one.get("description")] == []
    assert all(operation["summary"] for operation in operations)
