"""Labels stand for versions, over REST and gRPC."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from tests.contract.models import LABELS

MODEL = "/v1/models/labelled"


def with_label(request, label):
    request.model_spec.name = "labelled"
    request.model_spec.version_label = label
    return request


@pytest.mark.parametrize(("label", "version"), LABELS.items())
def test_predict_over_rest_uses_the_version_of_the_label(target, label, version):
    response = target.call("POST", f"{MODEL}/labels/{label}:predict", '{"instances": [1.0]}')
    assert response.json() == {"predictions": [version + 2.0]}


def test_no_label_means_the_highest_version(target):
    assert target.predict("labelled", '{"instances": [1.0]}') == {"predictions": [4.0]}


@pytest.mark.parametrize(("label", "version"), LABELS.items())
def test_predict_over_grpc_uses_the_version_of_the_label_and_says_so(predictions, label, version):
    request = with_label(predict_pb2.PredictRequest(), label)
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1.0])))
    response = predictions.Predict(request)
    assert response.model_spec.version.value == version
    assert list(response.outputs["y"].float_val) == [version + 2.0]


@pytest.mark.parametrize(("label", "version"), LABELS.items())
def test_metadata_is_that_of_the_labelled_version(target, predictions, label, version):
    content = target.call("GET", f"{MODEL}/labels/{label}/metadata").json()
    assert content["model_spec"]["version"] == str(version)
    request = with_label(get_model_metadata_pb2.GetModelMetadataRequest(), label)
    request.metadata_field.append("signature_def")
    assert predictions.GetModelMetadata(request).model_spec.version.value == version


@pytest.mark.parametrize(("label", "version"), LABELS.items())
def test_status_is_that_of_the_labelled_version(target, models, label, version):
    target.refuse_if_not_ours()
    content = target.call("GET", f"{MODEL}/labels/{label}").json()
    assert [status["version"] for status in content["model_version_status"]] == [str(version)]
    request = with_label(get_model_status_pb2.GetModelStatusRequest(), label)
    assert [status.version for status in models.GetModelStatus(request).model_version_status] == [version]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", f"{MODEL}/labels/none:predict"), ("GET", f"{MODEL}/labels/none/metadata")],
)
def test_a_label_that_is_not_there_is_refused_everywhere(target, method, path):
    response = target.call(method, path, '{"instances": [1.0]}' if method == "POST" else None)
    assert response.status_code == 400
    assert response.json() == {"error": "Unrecognized servable version label: none"}


def test_a_label_that_is_not_there_is_refused_over_grpc(predictions):
    request = with_label(predict_pb2.PredictRequest(), "none")
    with pytest.raises(grpc.RpcError) as caught:
        predictions.Predict(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "Unrecognized servable version label: none"
