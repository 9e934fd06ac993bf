"""Where our server differs from TensorFlow Serving on purpose: the list of components/serving/server.py."""

from __future__ import annotations

import json

import grpc
import pytest
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import predict_pb2

from tests.contract.models import METRICS_PATH


@pytest.fixture(autouse=True)
def only_ours(target):
    target.refuse_if_not_ours()


@pytest.mark.parametrize(("depth", "status"), [(64, 400), (65, 400)])
def test_json_that_nests_too_deeply_is_refused_and_not_parsed(target, depth, status):
    lists = depth - 1
    body = f'{{"instances": {"[" * lists}1{"]" * lists}}}'
    code, error = target.error("half_plus_two", body)
    assert code == status
    assert ("deep" in error) == (depth > 64), error


def test_body_that_is_too_long_is_refused_by_its_length_alone(target):
    response = target.call("POST", "/v1/models/half_plus_two:predict", b"x" * (16 * 2**20 + 1))
    assert response.status_code == 413


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_request_of_too_many_rows_is_refused(target, key):
    code, error = target.error("half_plus_two", json.dumps({key: [1.0] * 10_001}))
    assert (code, error) == (400, "The request has 10001 rows; this server takes at most 10000 at a time.")


def test_body_of_too_many_values_is_refused(target):
    code, error = target.error("half_plus_two", '{"inputs": [[' + "1," * (2**21 + 1) + "1]]}")
    assert (code, error) == (413, "The request body holds more than 2097152 values.")


@pytest.mark.parametrize("value", [128, -129])
def test_integer_that_does_not_fit_is_refused(target, value):
    code, error = target.error("pair", f'{{"signature_name": "small", "instances": [{value}]}}')
    assert (code, "is not of expected type: int8" in error) == (400, True)


def test_value_in_an_error_is_cut(target):
    _, error = target.error("half_plus_two", f'{{"instances": ["{"x" * 5000}"]}}')
    assert 1000 < len(error) < 1200


def test_names_that_were_never_served_share_one_label_in_metrics(target):
    for number in range(3):
        target.error(f"never_served_{number}", '{"instances": [1.0]}')
    text = target.call("GET", METRICS_PATH).text
    assert 'model_name="(other)"' in text
    assert "never_served" not in text


def test_there_is_no_profiler(channel):
    call = channel.unary_unary("/tensorflow.ProfilerService/Profile")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_tensor_that_unfolds_to_too_many_values_is_refused(predictions):
    proto = TensorProto(dtype=1, float_val=[1.0])
    proto.tensor_shape.dim.add(size=2**26 + 1)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half_plus_two"
    request.inputs["x"].CopyFrom(proto)
    with pytest.raises(grpc.RpcError) as caught:
        predictions.Predict(request)
    assert caught.value.details() == "tensor parsing error: x"
