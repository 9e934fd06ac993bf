from __future__ import annotations

import numpy as np
import pytest
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from components.serving.errors import Code, ServingError
from components.serving.inference import CLASSIFY, REGRESS, Inference

LABELS = np.array([[b"a", b"b"]], dtype=object)
SCORES = np.float32([[0.25, 0.75]])


def signature(inputs=("inputs",), outputs=("scores",), method=""):
    made = SignatureDef(method_name=method)
    for name in inputs:
        made.inputs[name].name = f"{name}:0"
    for name in outputs:
        made.outputs[name].name = f"{name}:0"
    return made


def classify(outputs, examples=(b"",), **options):
    made = signature(outputs=outputs, method=options.pop("method", ""))
    return Inference({"serving_default": made}, lambda name, inputs: outputs, **options).classify(
        "", examples
    )


def regress(outputs, examples=(b"",)):
    made = signature(outputs=outputs)
    return Inference({"serving_default": made}, lambda name, inputs: outputs).regress("", examples)


def refusal(call, *arguments, **options):
    with pytest.raises(ServingError) as caught:
        call(*arguments, **options)
    return caught.value


def test_the_signature_gets_the_examples_as_one_batch():
    seen = {}

    def predict(name, inputs):
        seen.update(inputs, name=name)
        return {"outputs": np.float32([1, 2])}

    made = {"serving_default": signature(outputs=["outputs"])}
    assert Inference(made, predict).regress("", [b"x", b"y"]).tolist() == [1, 2]
    assert (seen["name"], seen["inputs"].tolist()) == ("serving_default", [b"x", b"y"])


@pytest.mark.parametrize(
    ("outputs", "labels", "scores"),
    [
        ({"classes": LABELS, "scores": SCORES}, [[b"a", b"b"]], [[0.25, 0.75]]),
        ({"classes": LABELS}, [[b"a", b"b"]], [[0, 0]]),
        ({"scores": SCORES}, [[b"", b""]], [[0.25, 0.75]]),
        ({"scores": SCORES, "other": SCORES}, [[b"", b""]], [[0.25, 0.75]]),
    ],
)
def test_a_model_may_have_labels_or_scores_or_both(outputs, labels, scores):
    result = classify(outputs)
    assert (result.labels.tolist(), result.scores.tolist()) == (labels, scores)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"scores": SCORES[0]}, "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ({"scores": SCORES.astype(float)}, "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ({"classes": SCORES}, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ({"scores": np.vstack([SCORES] * 2)}, "Expected scores output batch size of 1. Got: 2"),
        (
            {"classes": LABELS, "scores": SCORES[:, :1]},
            "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
        ),
    ],
)
def test_outputs_that_are_no_classification_are_refused(outputs, message):
    error = refusal(classify, outputs)
    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, message)


@pytest.mark.parametrize("values", [np.float32([1]), np.float32([[1]])])
def test_a_regression_may_have_a_last_dimension_of_one(values):
    assert regress({"outputs": values}).tolist() == [1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            np.float32(1),
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []",
        ),
        (np.float32([1, 2]), "Input batch size did not match output batch size: 1 vs. 2"),
        (np.array([1]), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ],
)
def test_outputs_that_are_no_regression_are_refused(values, message):
    error = refusal(regress, {"outputs": values})
    assert (error.code, error.message) == (Code.INVALID_ARGUMENT, message)


def test_the_method_name_counts_only_when_it_is_checked():
    outputs = {"scores": SCORES}
    classify(outputs, method="tensorflow/serving/predict")
    classify(outputs, method=CLASSIFY, check_methods=True)
    error = refusal(classify, outputs, method=REGRESS, check_methods=True)
    assert error.message == (
        f"Expected classification signature method_name to be {CLASSIFY}. Was: {REGRESS}"
    )


def test_outputs_of_other_names_are_a_failed_precondition():
    assert refusal(classify, {"others": SCORES}).code is Code.FAILED_PRECONDITION
    assert refusal(regress, {"others": SCORES}).code is Code.FAILED_PRECONDITION
