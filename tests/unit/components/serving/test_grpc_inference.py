from __future__ import annotations

import numpy as np
import pytest
from tensorflow.core.example.example_pb2 import Example
from tensorflow_serving.apis.inference_pb2 import InferenceTask
from tensorflow_serving.apis.input_pb2 import ExampleList, ExampleListWithContext, Input

from components.serving import grpc_inference
from components.serving.errors import ServingError
from components.serving.inference import CLASSIFY, Classification, Inference


def example(**features):
    made = Example()
    for name, value in features.items():
        made.features.feature[name].int64_list.value.append(value)
    return made


def values(serialized):
    features = Example.FromString(serialized).features.feature
    return {name: list(feature.int64_list.value) for name, feature in features.items()}


def test_a_list_of_examples_is_serialized_one_by_one():
    message = Input(example_list=ExampleList(examples=[example(a=1), example(b=2)]))
    assert list(map(values, grpc_inference.examples(message))) == [{"a": [1]}, {"b": [2]}]


def test_a_context_is_in_each_example_and_the_example_wins():
    listed = ExampleListWithContext(examples=[example(a=1), example(b=2)], context=example(b=3))
    serialized = grpc_inference.examples(Input(example_list_with_context=listed))
    assert list(map(values, serialized)) == [{"a": [1], "b": [3]}, {"b": [2]}]


def test_an_input_without_any_kind_has_no_examples():
    assert grpc_inference.examples(Input()) == []


def test_a_label_that_is_not_text_does_not_fail_the_answer():
    result = Classification(np.array([[b"\xff", "é".encode()]], dtype=object), np.float32([[1, 2]]))
    [found] = grpc_inference.classification(result).classifications
    assert [(one.label, one.score) for one in found.classes] == [("\ufffd", 1.0), ("é", 2.0)]


def test_a_task_without_a_model_is_refused():
    task = InferenceTask(method_name=CLASSIFY)
    with pytest.raises(ServingError, match="Found ModelSpec with an empty model name"):
        grpc_inference.check_tasks([task], {}, Inference({}, lambda name, inputs: {}))
