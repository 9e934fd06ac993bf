"""Predict, metadata and status over gRPC and REST (table P)."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)


def predict_request(model="half_plus_two", signature="", version=None, filters=(), **inputs):
    request = predict_pb2.PredictRequest(output_filter=filters)
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def failure(method, request):
    with pytest.raises(grpc.RpcError) as caught:
        method(request)
    return caught.value.code().name, caught.value.details()


FLOAT = np.float32([1.0])


@pytest.mark.parametrize(
    ("signature", "version", "used"),
    [
        pytest.param("", None, "serving_default", id="P3-defaults"),
        pytest.param("versioned", 123, "versioned", id="P3-given"),
    ],
)
def test_answer_names_the_model_the_version_used_and_the_signature(predictions, signature, version, used):
    response = predictions.Predict(predict_request(signature=signature, version=version, x=FLOAT))
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("half_plus_two", 123, used)
    assert list(response.outputs["y"].float_val) == [2.5]


def test_an_input_that_is_not_sent_has_its_default_value(predictions):
    response = predictions.Predict(predict_request("optional", x=np.float32([1, 2])))
    assert list(response.outputs["y"].float_val) == [3.0, 6.0]
    response = predictions.Predict(predict_request("optional", x=FLOAT, factor=np.float32([5])))
    assert list(response.outputs["y"].float_val) == [5.0]


def test_strings_travel_as_bytes(predictions):
    response = predictions.Predict(predict_request("text", text=[b"a", b"\xff\x00"]))
    assert list(response.outputs["text"].string_val) == [b"a", b"\xff\x00"]
    assert tf.make_ndarray(response.outputs["id"]).tolist() == [1, -1]


def test_output_filter_limits_the_answer(predictions):
    request = predict_request("pair", a=np.float32([[1, 2]]), b=np.int32([1]), filters=["total"])
    response = predictions.Predict(request)
    assert {name: tf.make_ndarray(value).tolist() for name, value in response.outputs.items()} == {
        "total": [3.0]
    }


@pytest.mark.parametrize(
    ("fields", "code", "details"),
    [
        pytest.param(
            {"z": FLOAT, "w": FLOAT},
            "INVALID_ARGUMENT",
            "input size does not match signature: 2!=1 len({w,z}) != len({x}). Sent extra: {w,z}. Missing but"
            " required: {x}.",
            id="P1-extra",
        ),
        pytest.param(
            {},
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but"
            " required: {x}.",
            id="P1-missing",
        ),
        pytest.param(
            {"x": FLOAT, "filters": ["X"]},
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: X Outputs expected to be in the set {y}.",
            id="P2-unknown",
        ),
        pytest.param(
            {"x": FLOAT, "filters": ["y", "y"]},
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: y",
            id="P2-twice",
        ),
        pytest.param({"model": ""}, "INVALID_ARGUMENT", "ModelSpec has no name specified.", id="P4-no-name"),
        pytest.param(
            {"x": FLOAT, "signature": "X"},
            "FAILED_PRECONDITION",
            'Serving signature key "X" not found.',
            id="unknown-signature",
        ),
        pytest.param(
            {"x": FLOAT, "model": "half"},
            "NOT_FOUND",
            "Servable not found for request: Latest(half)",
            id="unknown-model",
        ),
        pytest.param(
            {"x": FLOAT, "version": 3},
            "NOT_FOUND",
            "Servable not found for request: Specific(half_plus_two, 3)",
            id="unknown-version",
        ),
    ],
)
def test_predict_refusal_has_the_exact_code_and_text(predictions, fields, code, details):
    assert failure(predictions.Predict, predict_request(**fields)) == (code, details)


@pytest.mark.parametrize(
    ("method", "request_type"),
    [
        pytest.param("Predict", predict_pb2.PredictRequest, id="P4-predict"),
        pytest.param("Classify", classification_pb2.ClassificationRequest, id="P4-classify"),
        pytest.param("Regress", regression_pb2.RegressionRequest, id="P4-regress"),
        pytest.param("GetModelMetadata", get_model_metadata_pb2.GetModelMetadataRequest, id="P4-metadata"),
    ],
)
def test_a_request_without_a_model_spec_is_refused(predictions, method, request_type):
    refusal = failure(getattr(predictions, method), request_type())
    assert refusal == ("INVALID_ARGUMENT", "Missing ModelSpec")


def test_unknown_label_is_refused(predictions):
    request = predict_request(x=FLOAT)
    request.model_spec.version_label = "L"
    assert failure(predictions.Predict, request) == (
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: L",
    )


@pytest.mark.parametrize(
    "value", [np.int32([1]), np.float32([[1.0]]), [b"x"]], ids=["dtype", "rank", "string"]
)
def test_tensor_of_another_type_or_shape_is_refused(predictions, value):
    code, _ = failure(predictions.Predict, predict_request(x=value))
    assert code == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ([], "GetModelMetadataRequest must specify at least one metadata_field"),
        (["X"], "Metadata field X is not supported"),
    ],
    ids=["P5-none", "P5-unknown"],
)
def test_metadata_refusal_has_the_exact_text(predictions, fields, details):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = "half_plus_two"
    assert failure(predictions.GetModelMetadata, request) == ("INVALID_ARGUMENT", details)


def test_metadata_over_grpc_holds_the_signatures(predictions):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "half_plus_two"
    response = predictions.GetModelMetadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert response.model_spec.version.value == 123
    assert signatures.signature_def["serving_default"].inputs["x"].dtype == tf.float32.as_datatype_enum


@pytest.mark.parametrize(
    "version", [pytest.param("", id="P6"), pytest.param("/versions/123", id="P6-version")]
)
def test_metadata_over_rest_is_doubly_nested_with_sizes_as_strings(target, version):
    content = target.call("GET", f"/v1/models/half_plus_two{version}/metadata").json()
    assert content["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": "123"}
    signature = content["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["x"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert signature["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    "version", [pytest.param("", id="P7-all"), pytest.param("/versions/123", id="P7-one")]
)
def test_status_over_rest_has_the_exact_content(target, version):
    response = target.call("GET", f"/v1/models/half_plus_two{version}")
    assert response.json() == {
        "model_version_status": [
            {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }


def test_status_over_grpc_says_available(models):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "half_plus_two"
    [status] = models.GetModelStatus(request).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert (status.version, status.state, status.status.error_code) == (123, available, 0)


@pytest.mark.parametrize(
    ("path", "model", "version", "error"),
    [
        ("/v1/models/M", "M", None, "Could not find any versions of model M"),
        (
            "/v1/models/half_plus_two/versions/7",
            "half_plus_two",
            7,
            "Could not find version 7 of model half_plus_two",
        ),
    ],
    ids=["P9-model", "P9-version"],
)
def test_status_of_what_is_not_there(target, models, path, model, version, error):
    response = target.call("GET", path)
    assert (response.status_code, response.json()) == (404, {"error": error})
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    assert failure(models.GetModelStatus, request) == ("NOT_FOUND", error)


def test_status_without_a_model_spec_is_refused(models):
    refusal = failure(models.GetModelStatus, get_model_status_pb2.GetModelStatusRequest())
    assert refusal == ("INVALID_ARGUMENT", "Missing ModelSpec")


def test_a_reload_of_anything_but_a_list_of_models_is_refused(models):
    assert failure(models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest()) == (
        "INVALID_ARGUMENT",
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently"
        " supported",
    )
