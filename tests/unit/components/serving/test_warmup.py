from __future__ import annotations

import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from components.serving import warmup
from components.serving.errors import Code, ServingError
from components.serving.servable import Servable
from tests.contract.models import write_half_plus_two


class Recording(Servable):
    """A servable that remembers what it was asked."""

    def predict(self, signature_name, inputs, output_filter=(), deadline=None):
        self.asked = [*getattr(self, "asked", []), *(array.tolist() for array in inputs.values())]
        return super().predict(signature_name, inputs, output_filter)


def log(value, name="x"):
    made = PredictionLog()
    made.predict_log.request.inputs[name].CopyFrom(tf.make_tensor_proto([value], tf.float32))
    return made.SerializeToString()


def write(folder, *records):
    path = folder / warmup.REQUESTS
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.fixture
def folder(tmp_path):
    return write_half_plus_two(tmp_path / "1")


@pytest.fixture
def servable(folder):
    made = Recording(folder)
    yield made
    made.close()


def test_every_request_is_run_in_order_as_often_as_told(folder, servable):
    write(folder, log(1.0), log(2.0))
    assert warmup.replay(servable, folder, iterations=2) == 2
    assert servable.asked == [[1.0], [1.0], [2.0], [2.0]]


def test_version_without_requests_is_taken_as_it_is(folder, servable):
    assert warmup.replay(servable, folder) == 0


def test_request_that_fails_fails_the_version(folder, servable):
    write(folder, log(1.0, name="no_such_input"))
    with pytest.raises(ServingError) as caught:
        warmup.replay(servable, folder)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message.startswith("Warmup request failed: ")


def test_request_of_an_unknown_kind_fails_the_version(folder, servable):
    write(folder, PredictionLog().SerializeToString())
    with pytest.raises(ServingError, match="Unsupported log_type for warmup: None"):
        warmup.replay(servable, folder)


def test_more_requests_than_allowed_fail_the_version(folder, servable, monkeypatch):
    monkeypatch.setattr(warmup, "MAX_RECORDS", 2)
    write(folder, *[log(1.0)] * 3)
    with pytest.raises(ServingError) as caught:
        warmup.replay(servable, folder)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert "Number of warmup records exceeds the maximum (2)" in caught.value.message


def test_damaged_file_fails_the_version(folder, servable):
    path = write(folder, log(1.0))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ServingError, match="Failed to parse warmup record"):
        warmup.replay(servable, folder)
