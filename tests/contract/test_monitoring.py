"""Metrics in Prometheus' format, and gRPC's health protocol."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import predict_pb2

from tests.contract.models import METRICS_PATH

HALF = "/v1/models/half_plus_two"
PREFIX = ":tensorflow:serving:"


def samples(target):
    response = target.call("GET", METRICS_PATH)
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    # The parser renames counters to what newer formats ask for; here the names are the point.
    families = text_string_to_metric_families(response.text.replace(" counter\n", " gauge\n"))
    return {
        (sample.name.removeprefix(PREFIX), *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def grown(target, action, name, **labels):
    before = samples(target)
    action()
    key = (name, *sorted(labels.items()))
    return samples(target).get(key, 0) - before.get(key, 0)


def over_rest(target, path=f"{HALF}:predict", body='{"instances": [1.0]}'):
    return lambda: target.call("POST", path, body)


def over_grpc(predictions, model="half_plus_two"):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1.0])))
    return lambda: predictions.Predict(request)


@pytest.mark.parametrize(
    ("body", "status"), [('{"instances": [1.0]}', "OK"), ("{", "INVALID_ARGUMENT")], ids=["ok", "refused"]
)
def test_rest_requests_are_counted_by_status(target, body, status):
    action = over_rest(target, body=body)
    assert grown(target, action, "request_count", model_name="half_plus_two", status=status) == 1


def test_grpc_requests_are_counted_and_timed(target, predictions):
    action = over_grpc(predictions)
    assert grown(target, action, "request_count", model_name="half_plus_two", status="OK") == 1
    labels = {"model_name": "half_plus_two", "API": "Predict"}
    assert grown(target, action, "request_latency_count", entrypoint="GRPC", **labels) == 1
    assert grown(target, action, "runtime_latency_count", runtime="TF1", **labels) == 1
    assert grown(target, action, "request_latency_sum", entrypoint="GRPC", **labels) > 10


def test_latency_has_the_buckets_of_the_original(target, predictions):
    over_grpc(predictions)()
    limits = [dict(labels)["le"] for name, *labels in samples(target) if name == "request_latency_bucket"]
    assert limits[:5] == ["10", "18", "32.4", "58.32", "104.976"]
    assert limits[33] == "+Inf"


def test_examples_are_counted(target):
    body = '{"examples": [{"x": 0.5}, {"x": 0.5}, {"x": 0.5}]}'
    action = over_rest(target, "/v1/models/examples:classify", body)
    assert grown(target, action, "request_example_counts_sum", model="examples") == 3


def test_loads_are_counted(target):
    loads = {key: value for key, value in samples(target).items() if "load_attempt_count" in key[0]}
    paths = {dict(labels)["model_path"].rsplit("/", 2)[-2] for _, *labels in loads}
    assert {"half_plus_two", "labelled", "examples"} <= paths


def test_typing_errors_in_model_names_make_no_new_series(target):
    target.refuse_if_not_ours()
    over_rest(target, "/v1/models/typo-0:predict")()
    before = samples(target)
    for number in range(1, 20):
        over_rest(target, f"/v1/models/typo-{number}:predict")()
    assert samples(target).keys() == before.keys()


def test_health_says_serving(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    assert stub.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service_is_not_found(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    with pytest.raises(grpc.RpcError) as caught:
        stub.Check(health_pb2.HealthCheckRequest(service="X"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
