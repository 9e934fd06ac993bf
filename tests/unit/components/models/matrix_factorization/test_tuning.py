import json
import shutil

import pytest

from components.errors import InputError, NonFiniteError
from components.models.matrix_factorization import trainer
from components.trial import Trial

from .conftest import Prepared, settings


def run_trial(prepared, out, **train):
    """Run a trial into `out/trial`; return the folder."""
    folder = out / "trial"
    folder.mkdir()
    args = prepared.fn_args(settings(train={"epochs": 30, "patience": 5, **train}), out)
    args.custom_config["trial"] = Trial(folder, "rmse", {}, "trial 0").config()
    trainer.run_fn(args)
    return folder


@pytest.fixture(scope="module")
def tried(prepared, tmp_path_factory):
    """Return the folder of a trial that saw no eval split and no items."""
    out = tmp_path_factory.mktemp("tried")
    shutil.copytree(prepared.root, out / "copy")
    for split in ("eval", "items"):
        shutil.rmtree(out / "copy" / "transformed" / f"Split-{split}")
    return run_trial(Prepared(out / "copy"), out)


def test_a_trial_ends_with_its_best_validation_rmse(tried):
    values = [json.loads(line) for line in (tried / "values.jsonl").read_text().splitlines()]
    assert [value["step"] for value in values] == list(range(1, len(values) + 1))
    best = min(values, key=lambda value: value["value"])
    result = json.loads((tried / "result.json").read_text())
    assert result == {**best, "metrics": {"rmse": best["value"]}}


def test_a_trial_validates_as_training_does(prepared, tried, tmp_path):
    trainer.run_fn(prepared.fn_args(settings(train={"epochs": 30, "patience": 5}), tmp_path))
    history = json.loads((tmp_path / "logs" / "history.json").read_text())
    values = [json.loads(line)["value"] for line in (tried / "values.jsonl").read_text().splitlines()]
    assert values == pytest.approx(history["series"]["validation rmse"], rel=1e-5)


def test_a_trial_exports_nothing(tried):
    assert not (tried.parent / "serving").exists()
    assert not (tried.parent / "logs").exists()


def test_without_held_out_ratings_there_is_nothing_to_report(prepared, tmp_path):
    with pytest.raises(InputError, match=r"(?s)holds out 0 of \d+ ratings.*train\.validation_fraction=0\.1"):
        run_trial(prepared, tmp_path, validation_fraction=0)


def test_training_that_diverges_is_not_finite(prepared, tmp_path):
    with pytest.raises(NonFiniteError, match="diverged in epoch 1"):
        run_trial(prepared, tmp_path, init_scale=1e30)


def test_the_best_settings_of_a_sweep_replace_those_of_the_config(prepared, tmp_path):
    args = prepared.fn_args(settings(train={"epochs": 2}), tmp_path)
    args.hyperparameters = {"train.epochs": 3, "train.validation_fraction": 0}
    trainer.run_fn(args)
    history = json.loads((tmp_path / "logs" / "history.json").read_text())
    assert {name: len(values) for name, values in history["series"].items()} == {"train rmse": 3}
