from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from components.serving import servable, signature_inputs
from components.serving.errors import Code, ServingError
from tests.contract.models import write_models

NAMES = st.sets(st.sampled_from("abcd"), max_size=4)


@pytest.fixture(scope="module")
def optional(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    write_models(root)
    return servable.load(root / "optional" / "1")


def test_an_input_that_is_not_sent_has_its_default_value(optional):
    assert optional.predict("", {"x": np.float32([1, 2])})["y"].tolist() == [3.0, 6.0]


def test_an_input_that_is_sent_wins_over_its_default_value(optional):
    inputs = {"x": np.float32([1, 2]), "factor": np.float32([10, 20])}
    assert optional.predict("", inputs)["y"].tolist() == [10.0, 40.0]


def test_only_inputs_with_a_default_value_are_optional(optional):
    assert optional.optional_inputs("") == {"factor"}
    with pytest.raises(ServingError) as caught:
        optional.predict("", {"factor": np.float32([1])})
    assert caught.value.message == (
        "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default value"
        " provided. Inputs expected to be in the request {factor}, or default input alias set: factor"
    )


def test_a_name_that_the_signature_does_not_have_is_refused(optional):
    with pytest.raises(ServingError) as caught:
        optional.predict("", {"x": np.float32([1]), "z": np.float32([1])})
    assert caught.value.message == (
        "Inputs contains invalid name. Used request inputs: x, request input: x,z"
    )


@given(expected=NAMES, standing=NAMES, sent=NAMES)
def test_a_request_is_complete_or_refused(expected, standing, sent):
    signature = SignatureDef()
    for name in expected:
        signature.inputs[name].name = f"{name}:0"
    usual = {name: np.array(0) for name in standing & expected}
    inputs = {name: np.array(1) for name in sent}
    try:
        completed = signature_inputs.complete(inputs, signature, usual)
    except ServingError as error:
        assert error.code is Code.INVALID_ARGUMENT
        assert sent - expected or expected - sent - standing
    else:
        assert {name: int(value) for name, value in completed.items()} == {
            name: int(name in sent) for name in expected
        }
        assert sent <= expected <= sent | standing
