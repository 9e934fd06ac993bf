import json
from types import SimpleNamespace

import pytest
import tensorflow as tf
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorflow.python.summary.summary_iterator import summary_iterator

from components.errors import InputError, NonFiniteError
from components.trial import Trial

PARAMS = {"train.learning_rate": 0.1, "train.encoder": "bm25", "train.fuse": ["bm25", "lsa"]}


def trial(folder):
    return Trial(folder, "rmse", PARAMS, "trial 3")


def lines(folder):
    return [json.loads(line) for line in (folder / "values.jsonl").read_text().splitlines()]


def test_outside_of_a_sweep_nothing_is_reported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = Trial.of(SimpleNamespace(custom_config={"settings": "{}"}))
    plain.stage("reading")
    plain.report(1, {"rmse": 0.5})
    plain.finish(1, {"rmse": 0.5})
    assert not plain.active
    assert not list(tmp_path.iterdir())


def test_run_fn_finds_the_trial_in_its_arguments(tmp_path):
    config = json.loads(json.dumps({"trial": trial(tmp_path).config()}))
    found = Trial.of(SimpleNamespace(custom_config=config))
    assert found.active
    assert found == trial(tmp_path)


def test_values_are_there_as_soon_as_they_are_reported(tmp_path):
    one = trial(tmp_path)
    one.report(1, {"rmse": 0.75, "mae": 0.5})
    assert lines(tmp_path) == [{"step": 1, "value": 0.75}]
    one.report(2, {"rmse": 0.5, "mae": 0.25})
    assert lines(tmp_path) == [{"step": 1, "value": 0.75}, {"step": 2, "value": 0.5}]
    assert not (tmp_path / "result.json").exists()


def test_the_result_has_every_metric(tmp_path):
    trial(tmp_path).finish(7, {"rmse": 0.5, "mae": 0.25})
    result = json.loads((tmp_path / "result.json").read_text())
    assert result == {"step": 7, "value": 0.5, "metrics": {"rmse": 0.5, "mae": 0.25}}
    assert not list(tmp_path.glob("*.tmp"))


def test_half_a_line_of_a_process_that_was_cut_off_spoils_no_other(tmp_path):
    (tmp_path / "values.jsonl").write_text('{"step": 1, "value": 0.75}\n{"step": 2, "va')
    trial(tmp_path).report(2, {"rmse": 0.5})
    found = (tmp_path / "values.jsonl").read_text().splitlines()
    assert found[0] == '{"step": 1, "value": 0.75}'
    assert json.loads(found[-1]) == {"step": 2, "value": 0.5}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_no_finite_number_ends_the_trial_and_is_not_written(tmp_path, value):
    one = trial(tmp_path)
    for say in (one.report, one.finish):
        with pytest.raises(NonFiniteError, match=rf"`rmse` is {value} at step 3\."):
            say(3, {"rmse": value})
    assert not list(tmp_path.iterdir())


def test_a_metric_that_is_not_reported_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(InputError, match=r"(?s)does not report `rmse`.*one of mae, mse"):
        trial(tmp_path).report(1, {"mae": 0.5, "mse": 0.25})


def test_stages_say_how_long_they_took(tmp_path, caplog):
    times = iter([10.0, 10.5, 13.0])
    one = Trial(tmp_path, "rmse", clock=lambda: next(times))
    caplog.set_level("INFO")
    one.stage("reading")
    one.stage("training")
    one.finish(1, {"rmse": 0.5})
    assert caplog.messages == ["reading took 0.50 s", "training took 2.50 s"]


def summaries(folder):
    """Return step and value of every summary of the run in `folder`."""
    (path,) = folder.glob("events*")
    return [(event.step, value) for event in summary_iterator(str(path)) for value in event.summary.value]


def curve(values):
    return [(step, tf.make_ndarray(value.tensor).item()) for step, value in values if value.tag == "rmse"]


def test_tensorboard_has_the_steps_and_what_the_settings_came_to(tmp_path):
    one = trial(tmp_path)
    for step, value in ((1, 0.75), (2, 0.5), (3, 0.625)):
        one.report(step, {"rmse": value})
    one.finish(2, {"rmse": 0.5})
    assert curve(summaries(tmp_path / "tensorboard" / "steps")) == [(1, 0.75), (2, 0.5), (3, 0.625)]
    assert curve(summaries(tmp_path / "tensorboard")) == [(2, 0.5)]


def test_tensorboard_has_the_settings_and_the_end(tmp_path):
    trial(tmp_path).finish(1, {"rmse": 0.5})
    sessions = [
        plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for _, value in summaries(tmp_path / "tensorboard")
        if value.metadata.plugin_data.plugin_name == "hparams"
    ]
    begun, ended = sessions[0].session_start_info, sessions[-1].session_end_info
    shown = {name: getattr(value, value.WhichOneof("kind")) for name, value in begun.hparams.items()}
    assert shown == {**PARAMS, "train.fuse": "['bm25', 'lsa']"}
    assert begun.group_name == "trial 3"
    assert ended.status == 1
