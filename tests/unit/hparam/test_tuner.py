"""The step of a sweep that has ended or cannot begin; one that trains is in tests/integration."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from components.errors import InputError, LodestarError
from hparam.executors.processes import ProcessExecutor
from hparam.folder import SweepFolder
from hparam.journal import Journal, read_journal
from hparam.plan import SweepPlan
from hparam.spec import Budget, Inputs
from hparam.tuner import TunerExecutor
from pipelines.settings import load_settings
from tests.sweeps import FAMILY, PENALTY, RATE

POINT = {RATE: 0.02, PENALTY: 0.1}


class Step:
    """A Tuner step, its artifacts below one folder and its sweep called `films`."""

    def __init__(self, root: Path, **plan: Any) -> None:
        settings = load_settings(FAMILY)
        self.plan = SweepPlan.model_validate({"name": "films", **plan}).resolved(FAMILY, settings)
        self.settings = settings.model_dump(mode="json", exclude={"evaluate", "validation"})
        self.root, self.folder = root, SweepFolder(root / "sweeps" / "films")

    def journal(self) -> Journal:
        inputs = Inputs(examples=str(self.root / "examples"), transform_graph=str(self.root / "graph"))
        return Journal.create(
            self.folder, self.plan.spec("films", FAMILY, self.settings, inputs), lambda: 1.0
        )

    def run(self) -> dict[str, Any]:
        graph = standard_artifacts.TransformGraph()
        inputs = {"transformed_examples": standard_artifacts.Examples(), "transform_graph": graph}
        outputs = {
            "best_hyperparameters": standard_artifacts.HyperParameters(),
            "sweep": standard_artifacts.TunerResults(),
        }
        places = ("examples", "graph", "best", "results")
        for artifact, place in zip([*inputs.values(), *outputs.values()], places, strict=True):
            artifact.uri = str(self.root / place)
        properties = {
            "family": FAMILY.name,
            "settings": json.dumps(self.settings),
            "plan": self.plan.model_dump_json(),
            "sweeps": str(self.root / "sweeps"),
            "code": "1",
        }
        lists = [{key: [artifact] for key, artifact in side.items()} for side in (inputs, outputs)]
        TunerExecutor(base_executor.BaseExecutor.Context()).Do(*lists, properties)
        return outputs


def _ended(journal: Journal, reason: str, value: float | None) -> None:
    journal.append("proposed", trial=0, params=POINT, proposer={"k": 0})
    journal.append("started", trial=0, attempt=0)
    if value is None:
        why = {"reason": "no_metric", "message": "it reported nothing", "log": ["last words"]}
        journal.append("failed", trial=0, attempt=0, **why)
    else:
        journal.append("succeeded", trial=0, attempt=0, value=value, step=1, metrics={"rmse": value})
    journal.append("ended", reason=reason, message="the reason in a line")


def test_result_of_an_ended_sweep_is_written_without_a_new_trial(tmp_path: Path) -> None:
    step = Step(tmp_path)
    _ended(step.journal(), "trials", 0.5)
    outputs = step.run()
    assert json.loads((tmp_path / "best" / "best_hyperparameters.txt").read_text()) == POINT
    assert (tmp_path / "results" / "journal.jsonl").read_bytes() == step.folder.journal.read_bytes()
    assert "films" in (tmp_path / "results" / "report.html").read_text()
    summary = outputs["sweep"].get_string_custom_property("summary")
    assert summary.startswith("best rmse 0.5 (trial 0)") and f"{RATE}=0.02" in summary


def test_sweep_without_a_result_fails_the_step_and_says_why(tmp_path: Path) -> None:
    step = Step(tmp_path)
    _ended(step.journal(), "trials", None)
    with pytest.raises(LodestarError, match="the reason in a line; no result yet; 1 failed") as caught:
        step.run()
    assert "lodestar sweep status films" in str(caught.value)


def test_sweep_with_too_many_failures_trains_no_model(tmp_path: Path) -> None:
    step = Step(tmp_path)
    _ended(step.journal(), "failures", 0.5)
    with pytest.raises(LodestarError, match="films` has ended"):
        step.run()
    assert not (tmp_path / "best").exists()


def test_name_of_a_sweep_that_was_asked_for_something_else_is_refused(tmp_path: Path) -> None:
    Step(tmp_path, seed=1).journal()
    with pytest.raises(InputError, match="`films` already, with other seed"):
        Step(tmp_path, seed=2).run()


def test_step_that_is_asked_to_end_fails_and_leaves_its_sweep_open(tmp_path: Path) -> None:
    step = Step(tmp_path, budget=Budget(trials=1))

    def end_when_a_trial_has_started() -> None:
        while not (step.folder.journal.exists() and '"started"' in step.folder.journal.read_text()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_when_a_trial_has_started, daemon=True).start()
    with pytest.raises(LodestarError, match="was cut off: no result yet; 1 running"):
        step.run()
    assert read_journal(step.folder.journal).ended == ""
    ProcessExecutor(step.folder.path, "films").stop("films-0000-0")
