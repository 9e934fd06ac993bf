"""Classify, regress and MultiInference, over REST and gRPC (table C)."""

from __future__ import annotations

import json

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, regression_pb2

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
HALF = {"x": 0.5, "name": "half"}


def call(target, method, **body):
    return target.call("POST", f"/v1/models/examples:{method}", json.dumps(body))


def example(**features):
    made = tf.train.Example()
    for name, value in features.items():
        feature = made.features.feature[name]
        if isinstance(value, float):
            feature.float_list.value.append(value)
        else:
            feature.bytes_list.value.append(value.encode())
    return made


def listed(*examples):
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=examples))


def spec(message, signature="", name="examples"):
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    return message


def failure(method, request):
    with pytest.raises(grpc.RpcError) as caught:
        method(request)
    return caught.value.code().name, caught.value.details()


@pytest.mark.parametrize(
    ("method", "body", "text"),
    [
        pytest.param(
            "classify",
            {"examples": [HALF, {"x": 0.5}]},
            '{\n    "results": [[["half", 0.5], ["none", 0.5]], [["unnamed", 0.5], ["none", 0.5]]\n    ]\n}',
            id="C1",
        ),
        pytest.param(
            "classify",
            {"signature_name": "scores", "examples": [HALF]},
            '{\n    "results": [[["", 0.5], ["", 0.5]]\n    ]\n}',
            id="C1-scores-only",
        ),
        pytest.param(
            "regress",
            {"signature_name": "regress", "examples": [HALF, {"x": 2.0}]},
            '{\n    "results": [1.0, 4.0]\n}',
            id="C2",
        ),
    ],
)
def test_results_are_byte_for_byte_those_of_the_original(target, method, body, text):
    response = call(target, method, **body)
    assert (response.status_code, response.text) == (200, text)
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("features", "context"),
    [
        pytest.param({"x": 0.5, "name": "a"}, None, id="C6-number-with-a-point-is-float"),
        pytest.param({"x": 5e-1, "name": {"b64": "YQ=="}}, None, id="C6-base64-is-bytes"),
        pytest.param({"x": [0.5], "name": ["a"]}, None, id="C6-lists"),
        pytest.param({"x": 0.5, "name": "a", "other": True, "more": [1, False]}, None, id="C6-int64"),
        pytest.param({"x": 0.5}, {"name": "a"}, id="C10-context-is-merged"),
        pytest.param({"x": 0.5, "name": "a"}, {"name": "b"}, id="C10-example-wins"),
    ],
)
def test_features_are_typed_by_their_json(target, features, context):
    body = {"examples": [features], **({"context": context} if context else {})}
    assert call(target, "classify", **body).json() == {"results": [[["a", 0.5], ["none", 0.5]]]}


@pytest.mark.parametrize(
    ("method", "body", "error"),
    [
        pytest.param(
            "classify",
            {},
            "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
            id="C3-classify",
        ),
        pytest.param(
            "regress",
            {},
            "JSON Value: {} When method is classify, key 'examples' is expected and was not found",
            id="C3-regress",
        ),
        pytest.param(
            "classify",
            {"examples": {}},
            "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array",
            id="C3-object",
        ),
        pytest.param(
            "classify",
            {"examples": []},
            "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array",
            id="C4",
        ),
        pytest.param(
            "classify", {"examples": [[]]}, "Example must be JSON object but got JSON Array", id="C5-array"
        ),
        pytest.param(
            "regress", {"examples": ["x"]}, "Example must be JSON object but got JSON String", id="C5-string"
        ),
        pytest.param(
            "classify",
            {"examples": [HALF], "context": 1},
            "Example must be JSON object but got JSON Number",
            id="C5-context",
        ),
        pytest.param(
            "classify",
            {"examples": [{"names": [1, "x"]}]},
            "Unexpected element type in feature: names expecting type: int64",
            id="C7-string-after-int64",
        ),
        pytest.param(
            "classify",
            {"examples": [{"names": [1.5, 1]}]},
            "Unexpected element type in feature: names expecting type: float",
            id="C7-int64-after-float",
        ),
        pytest.param(
            "classify",
            {"examples": [{"names": ["x", True]}]},
            "Unexpected element type in feature: names expecting type: bytes",
            id="C7-bool-after-bytes",
        ),
        pytest.param(
            "classify",
            {"examples": [{"names": None}]},
            "Feature: names has element with unexpected JSON type: Null",
            id="C8-null",
        ),
        pytest.param(
            "classify",
            {"examples": [{"names": [{"b64": 1}]}]},
            "Feature: names has element with unexpected JSON type: Object",
            id="C8-object",
        ),
        pytest.param(
            "classify",
            {"examples": [{"names": [[]]}]},
            "Feature: names has element with unexpected JSON type: Array",
            id="C8-array",
        ),
    ],
)
def test_examples_that_are_none_are_refused(target, method, body, error):
    response = call(target, method, **body)
    assert (response.status_code, response.json()) == (400, {"error": error})


@pytest.mark.parametrize("value", [pytest.param(2**63, id="C9"), pytest.param(2**64 - 1, id="C9-largest")])
def test_unsigned_integers_are_refused(target, value):
    response = call(target, "classify", examples=[{"names": [value]}])
    assert response.status_code == 400
    assert "Only int64_t is supported" in response.json()["error"]


@pytest.mark.parametrize("value", [pytest.param(1, id="C6-number-without-a-point-is-int64")])
def test_an_integer_for_a_float_feature_fails_in_the_model(target, value):
    response = call(target, "classify", examples=[{"x": value}])
    assert response.status_code == 400
    assert "x" in response.json()["error"]


def test_classification_over_grpc_names_the_version_and_the_signature(predictions):
    request = spec(classification_pb2.ClassificationRequest(input=listed(example(x=0.5, name="half"))))
    response = predictions.Classify(request)
    assert (response.model_spec.version.value, response.model_spec.signature_name) == (1, "serving_default")
    [found] = response.result.classifications
    assert [(one.label, one.score) for one in found.classes] == [("half", 0.5), ("none", 0.5)]


def test_regression_over_grpc_with_a_context(predictions):
    with_context = input_pb2.ExampleListWithContext(
        examples=[example(name="a"), example(x=2.0)], context=example(x=0.5)
    )
    request = regression_pb2.RegressionRequest(input=input_pb2.Input(example_list_with_context=with_context))
    response = predictions.Regress(spec(request, "regress"))
    assert [one.value for one in response.result.regressions] == [1.0, 4.0]


@pytest.mark.parametrize(
    ("signature", "examples", "details"),
    [
        pytest.param("", [], "Input is empty.", id="C11"),
        pytest.param("X", [example(x=0.5)], "No signature was found with the name: X", id="C12"),
        pytest.param("two", [example(x=0.5)], "Expected one input Tensor.", id="C13"),
        pytest.param("three", [example(x=0.5)], "Expected one or two output Tensors, found 3", id="C14"),
        pytest.param(
            "flat_scores",
            [example(x=0.5)],
            "Expected Tensor shape: [batch_size num_classes] but got [1]",
            id="flat-scores",
        ),
    ],
)
def test_classification_that_is_none_is_refused(predictions, signature, examples, details):
    request = spec(classification_pb2.ClassificationRequest(input=listed(*examples)), signature)
    assert failure(predictions.Classify, request) == ("INVALID_ARGUMENT", details)


def test_regression_of_pairs_is_refused(predictions):
    request = regression_pb2.RegressionRequest(input=listed(example(x=0.5)))
    assert failure(predictions.Regress, spec(request, "pairs")) == (
        "INVALID_ARGUMENT",
        "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]",
    )


@pytest.mark.parametrize("method", ["Classify", "Regress"])
def test_signature_with_other_names_is_a_failed_precondition(predictions, method):
    kind = (
        classification_pb2.ClassificationRequest if method == "Classify" else regression_pb2.RegressionRequest
    )
    request = spec(kind(input=listed(example(x=0.5))), name="half_plus_two")
    code, details = failure(getattr(predictions, method), request)
    assert code == "FAILED_PRECONDITION"
    assert "found in SignatureDef" in details


def tasks(*wanted):
    request = inference_pb2.MultiInferenceRequest(input=listed(example(x=0.5, name="half")))
    for model, signature, method in wanted:
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = model, signature
    return request


def test_several_signatures_answer_for_the_same_examples(predictions):
    wanted = [("examples", "", CLASSIFY), ("examples", "regress", REGRESS)]
    classified, regressed = predictions.MultiInference(tasks(*wanted)).results
    assert [one.score for one in classified.classification_result.classifications[0].classes] == [0.5, 0.5]
    assert [one.value for one in regressed.regression_result.regressions] == [1.0]
    assert (regressed.model_spec.version.value, regressed.model_spec.signature_name) == (1, "regress")


@pytest.mark.parametrize(
    ("wanted", "code", "details"),
    [
        pytest.param(
            [("examples", "", CLASSIFY), ("text", "", REGRESS)],
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            id="C15",
        ),
        pytest.param(
            [("examples", "", CLASSIFY), ("examples", "serving_default", CLASSIFY)],
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: serving_default",
            id="C16",
        ),
        pytest.param(
            [("examples", "X", CLASSIFY)],
            "INVALID_ARGUMENT",
            "Requested signature not found in model graph: X",
            id="C17",
        ),
        pytest.param(
            [("examples", "", "tensorflow/serving/predict")],
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
            id="C18",
        ),
    ],
)
def test_tasks_that_do_not_go_together_are_refused(predictions, wanted, code, details):
    assert failure(predictions.MultiInference, tasks(*wanted)) == (code, details)
