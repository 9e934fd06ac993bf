from __future__ import annotations

import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components import artifact
from components.errors import LodestarError
from components.pusher import PusherExecutor


def export(folder, function):
    module = tf.Module()
    module.serve = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)])
    serving = folder / "Format-Serving"
    tf.saved_model.save(module, str(serving), signatures={"serving_default": module.serve})
    return folder


def push(tmp_path, model, blessed=1):
    made = {
        "model": standard_artifacts.Model(),
        "blessing": standard_artifacts.ModelBlessing(),
        "evaluation": standard_artifacts.ModelEvaluation(),
        "examples": standard_artifacts.Examples(),
    }
    for name, one in made.items():
        one.uri = str(model if name == "model" else tmp_path / name)
    made["blessing"].set_int_custom_property("blessed", blessed)
    made["blessing"].set_string_custom_property("reasons", "worse than the live one")
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    PusherExecutor().Do(
        {name: [one] for name, one in made.items()},
        {"pushed_model": [pushed]},
        {"family": "m", "model_root": str(tmp_path / "serving" / "m")},
    )
    return pushed


def test_blessed_model_becomes_the_next_version(tmp_path):
    pushed = push(tmp_path, export(tmp_path / "model", lambda x: {"y": x}))
    assert pushed.get_string_custom_property("pushed_version") == "1"
    artifact.verify(tmp_path / "serving" / "m" / "1")


def test_model_that_reads_files_is_not_pushed_and_is_named(tmp_path):
    model = export(tmp_path / "model", lambda x: {"y": tf.io.read_file(x[0])})
    with pytest.raises(LodestarError, match="`ReadFile`") as caught:
        push(tmp_path, model)
    assert caught.value.source == str(model / "Format-Serving")
    assert artifact.versions(tmp_path / "serving" / "m") == []


def test_model_that_is_not_blessed_is_not_pushed(tmp_path):
    pushed = push(tmp_path, tmp_path / "model", blessed=0)
    assert pushed.get_string_custom_property("summary") == "not pushed: worse than the live one"
    assert artifact.versions(tmp_path / "serving" / "m") == []
