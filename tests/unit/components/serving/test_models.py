from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from components.errors import LodestarError
from components.serving.errors import ServingError
from components.serving.models import load_warm, verify
from components.serving.options import LoadOptions, ServerOptions
from components.serving.warmup import REQUESTS
from tests.contract.models import write_half_plus_two, write_manifest

OPTIONS = ServerOptions(model_base_path="/m")


@pytest.fixture
def folder(tmp_path):
    return write_half_plus_two(tmp_path / "1")


def ask_in_vain(folder):
    """Give the version a warm-up request that it cannot answer."""
    log = PredictionLog()
    log.predict_log.request.inputs["no_such_input"].CopyFrom(tf.make_tensor_proto([1.0]))
    (folder / REQUESTS).parent.mkdir()
    with tf.io.TFRecordWriter(str(folder / REQUESTS)) as writer:
        writer.write(log.SerializeToString())


def test_version_that_fails_its_warm_up_is_not_served(folder):
    ask_in_vain(folder)
    with pytest.raises(ServingError, match="Warmup request failed"):
        load_warm(folder, LoadOptions())


def test_warm_up_can_be_turned_off(folder):
    ask_in_vain(folder)
    made = load_warm(folder, LoadOptions(warm_up=False))
    assert made.predict("", {"x": np.float32([1.0])})["y"].tolist() == [2.5]


def test_graph_with_other_tags_is_not_found(folder):
    with pytest.raises(RuntimeError, match="train"):
        load_warm(folder, LoadOptions(tags=("train",)))


def test_version_without_a_manifest_is_refused_unless_that_is_allowed(folder):
    (folder / "MANIFEST.sha256").unlink()
    with pytest.raises(LodestarError, match=r"MANIFEST\.sha256"):
        verify(folder, OPTIONS)
    verify(folder, ServerOptions(model_base_path="/m", require_manifest=False))


def test_manifest_that_is_there_counts_though_none_is_required(folder):
    (folder / "extra").touch()
    with pytest.raises(LodestarError, match="extra"):
        verify(folder, ServerOptions(model_base_path="/m", require_manifest=False))


def test_operations_are_checked_without_a_manifest_too(tmp_path):
    module = tf.Module()
    module.serve = tf.function(tf.io.read_file, input_signature=[tf.TensorSpec([], tf.string)])
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": module.serve})
    write_manifest(tmp_path / "1")
    with pytest.raises(LodestarError, match="ReadFile"):
        verify(tmp_path / "1", OPTIONS)
    verify(tmp_path / "1", ServerOptions(model_base_path="/m", extra_allowed_ops="ReadFile,PrintV2"))
