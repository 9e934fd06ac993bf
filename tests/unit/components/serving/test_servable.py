from __future__ import annotations

import numpy as np
import pytest

from components.serving import servable
from components.serving.errors import Code, ServingError
from tests.contract.models import write_half_plus_two, write_models

X = {"x": np.float32([1.0])}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    write_models(root)
    return root


@pytest.fixture(scope="module")
def text(root):
    return servable.load(root / "text" / "1")


@pytest.fixture(scope="module")
def pair(root):
    return servable.load(root / "pair" / "1")


def test_two_versions_do_not_share_variables(tmp_path):
    loaded = [
        servable.load(write_half_plus_two(tmp_path / str(version), slope=float(version), version=version))
        for version in (1, 2)
    ]
    answers = [one.predict("versioned", X) for one in loaded]
    assert [(a["y"].tolist(), a["version"].tolist()) for a in answers] == [([3.0], [1]), ([4.0], [2])]
    loaded[0].close()
    assert loaded[1].predict("", X)["y"].tolist() == [4.0]


def test_strings_go_in_and_out_as_bytes(text):
    values = np.array([b"a", b"\x00\xff", "é".encode()], dtype=object)
    outputs = text.predict("", {"text": values})
    assert outputs["text"].tolist() == values.tolist()
    assert outputs["id"].tolist() == [1, -1, 2]


def test_only_the_outputs_asked_for_come_back(text):
    values = {"text": np.array([b"a"], dtype=object)}
    assert text.predict("", values, ["id"]).keys() == {"id"}


def test_scalars_keep_their_shape(pair):
    assert pair.predict("square", {"x": np.float32(3.0)})["y"].shape == ()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"x": np.int32([1])}, "Expects arg[0] to be float but int32 is provided"),
        ({"x": np.array([b"1"], dtype=object)}, "Expects arg[0] to be float but string is provided"),
        ({"x": np.float32([[1.0]])}, "shape (1, 1)"),
    ],
)
def test_input_of_another_type_or_shape_is_refused(root, inputs, message):
    loaded = servable.load(root / "a b" / "1")
    with pytest.raises(ServingError) as caught:
        loaded.predict("", inputs)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert message in caught.value.message


def test_error_inside_the_graph_keeps_its_code(pair):
    inputs = {"a": np.zeros([1, 2], np.float32), "b": np.array([1, 2], np.int32)}
    assert pair.predict("", inputs)["next"].tolist() == [2, 3]
    with pytest.raises(ServingError) as caught:
        pair.predict("none_of", {"x": np.zeros([2, 2], bool)})
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_initializer_is_no_signature_to_call(text):
    assert "__saved_model_init_op" in text.signatures
    with pytest.raises(ServingError) as caught:
        text.predict("__saved_model_init_op", {})
    assert caught.value.code is Code.FAILED_PRECONDITION


def test_types_are_named_as_the_api_does(pair):
    assert pair.input_dtypes("") == {"a": "float", "b": "int32"}
    assert pair.input_dtypes("half") == {"x": "half"}
