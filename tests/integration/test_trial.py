"""Trials, and the training after a sweep, on real data; in this process where imports would take longest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import json_utils

from components.family import find_family
from components.tfjob.executor import DistributedExecutor
from hparam import trial
from hparam.outcome import Failure, read_failure, read_result, read_values
from hparam.request import TrialRequest
from hparam.spec import Inputs
from tests.prepared import Prepared, transform, write_raw
from tests.replicas import rank_four

FAMILY = find_family("matrix-factorization")
QUICK = {"dimensions": 8, "epochs": 6, "patience": 3, "learning_rate": 0.05}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Prepared:
    root = tmp_path_factory.mktemp("ratings")
    write_raw(root, rank_four())
    return transform(root, FAMILY, FAMILY.settings.model_validate(config()))


def config(**sections: dict) -> dict:
    found = yaml.safe_load((FAMILY.folder / "config.yaml").read_text())
    for name, values in sections.items():
        found[name] = {**found.get(name, {}), **values}
    return found


def request(prepared: Prepared, folder: Path, compute: dict | None = None, **train) -> Path:
    """Write the request of a trial with these settings into `folder` and return its path."""
    params = {f"train.{name}": value for name, value in train.items()}
    inputs = Inputs(examples=str(prepared.root / "transformed"), transform_graph=str(prepared.root / "graph"))
    settings = config(train={**QUICK, **train}, compute=compute or {})
    return TrialRequest(
        sweep="try",
        trial=7,
        attempt=0,
        family=FAMILY.name,
        metric="rmse",
        higher_is_better=False,
        params=params,
        settings=settings,
        inputs=inputs,
    ).write(folder)


def run(path: Path) -> int:
    return trial.run(TrialRequest.read(path), path.parent)


def test_a_trial_as_a_program_reports_and_says_what_took_how_long(prepared, tmp_path):
    path = request(prepared, tmp_path, dimensions=4)
    command = [sys.executable, "-m", "hparam.trial", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    for words in ("imports took", "reading took", "training took", "the trial took"):
        assert words in ended.stdout
    values, result = read_values(tmp_path), read_result(tmp_path)
    assert [step for step, _ in values] == list(range(1, len(values) + 1))
    assert (result.step, result.value) == min(values, key=lambda value: value[1])
    assert 0.3 < result.value < 1.0
    assert {path.name for path in tmp_path.iterdir()} == {
        "request.json",
        "values.jsonl",
        "result.json",
        "tensorboard",
    }


def test_settings_that_do_not_fit_together_are_the_users_mistake(prepared, tmp_path):
    assert run(request(prepared, tmp_path, learning_rate=0.5, bias_damping=3.0)) == 2
    found = read_failure(tmp_path)
    assert found.reason == "input"
    assert "learning_rate * bias_damping = 1.5" in found.message
    assert read_result(tmp_path) is None


def test_a_trial_that_diverges_says_so(prepared, tmp_path):
    assert run(request(prepared, tmp_path, init_scale=1e30)) == 1
    assert read_failure(tmp_path).reason == "non_finite"


def with_graph(path: Path, uri: Path) -> Path:
    content = json.loads(path.read_text())
    content["inputs"]["transform_graph"] = str(uri)
    path.write_text(json.dumps(content))
    return path


def test_data_that_is_not_there_is_named(prepared, tmp_path):
    assert run(with_graph(request(prepared, tmp_path), tmp_path / "nowhere")) == 2
    assert read_failure(tmp_path) == Failure("input", f"There is no folder `{tmp_path}/nowhere`.")


def test_any_other_error_is_told_in_a_line(prepared, tmp_path, capfd):
    assert run(with_graph(request(prepared, tmp_path), tmp_path)) == 1
    found = read_failure(tmp_path)
    assert found.reason == "error"
    assert found.message.startswith("ValueError: Could not compute vocabulary size")
    assert "\n" not in found.message
    assert "Traceback" in capfd.readouterr().err


def test_a_run_that_is_started_again_leaves_nothing_of_the_one_before(prepared, tmp_path):
    (tmp_path / "values.jsonl").write_text('{"step": 500, "value": 0.001}\n')
    Failure("error", "The first run failed.").write(tmp_path)
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events.out.tfevents.1").write_text("")
    assert run(request(prepared, tmp_path)) == 0
    assert len(list((tmp_path / "tensorboard").glob("events*"))) == 1
    assert max(step for step, _ in read_values(tmp_path)) <= QUICK["epochs"]
    assert read_failure(tmp_path) is None


def test_the_chief_of_a_distributed_trial_reports(prepared, tmp_path):
    assert run(request(prepared, tmp_path / "two", compute={"workers": 2})) == 0
    assert run(request(prepared, tmp_path / "one")) == 0
    two, one = read_result(tmp_path / "two"), read_result(tmp_path / "one")
    assert [step for step, _ in read_values(tmp_path / "two")] == [
        step for step, _ in read_values(tmp_path / "one")
    ]
    assert two.value == pytest.approx(one.value, rel=0.02)
    assert not (tmp_path / "two" / "training").exists()


def test_replicas_after_a_sweep_train_with_what_it_chose(prepared, tmp_path):
    (tmp_path / "chosen").mkdir()
    chosen = {"train.learning_rate": 0.04, "train.epochs": 2}
    (tmp_path / "chosen" / "best_hyperparameters.txt").write_text(json.dumps(chosen))
    kinds = standard_artifacts
    examples, graph, best = kinds.Examples(), kinds.TransformGraph(), kinds.HyperParameters()
    examples.uri, graph.uri = str(prepared.root / "transformed"), str(prepared.root / "graph")
    examples.split_names = artifact_utils.encode_split_names(["eval", "train"])
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    best.uri = str(tmp_path / "chosen")
    model, model_run = kinds.Model(), kinds.ModelRun()
    model.uri, model_run.uri = str(tmp_path / "model"), str(tmp_path / "model_run")
    settings = FAMILY.settings.model_validate(config(train=QUICK, compute={"workers": 2}))
    context = BaseExecutor.Context(tmp_dir=str(tmp_path), unique_id="1", pipeline_run_id="run")
    DistributedExecutor(context).Do(
        {"examples": [examples], "transform_graph": [graph], "hyperparameters": [best]},
        {"model": [model], "model_run": [model_run]},
        {
            "run_fn": FAMILY.path("trainer", "run_fn"),
            "train_args": json.dumps({"splits": ["train"]}),
            "eval_args": json.dumps({"splits": ["eval"]}),
            "custom_config": json_utils.dumps({"settings": settings.model_dump_json()}),
        },
    )
    history = json.loads((tmp_path / "model_run" / "history.json").read_text())
    assert history["training"]["learning_rate"] == 0.04
    assert history["training"]["replicas"] == 2
    assert len(history["series"]["train rmse"]) == 2
