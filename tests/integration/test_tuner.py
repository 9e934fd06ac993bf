"""A sweep as a step of a pipeline: its best settings train and evaluate the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import NODES, Lodestar, states

FAMILY = "matrix-factorization"
SWEEP = (
    *("--set", "train.epochs=6", "--set", "train.batch_size=1023"),
    *("--sweep-trials", "3", "--sweep-parallel", "3"),
)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, ratings_folder: Path) -> tuple[Lodestar, dict[str, Any]]:
    lodestar = Lodestar(tmp_path_factory.mktemp("home"))
    return lodestar, lodestar.run(FAMILY, "--data", str(ratings_folder), *SWEEP)


def _only(folder: Path, pattern: str) -> Path:
    [path] = folder.rglob(pattern)
    return path


def test_sweep_is_a_node_between_transform_and_trainer(tuned) -> None:
    _, result = tuned
    assert states(result) == dict.fromkeys([*NODES, "Tuner"], "done")
    order = [node["node"] for node in result["nodes"]]
    assert order.index("Transform") < order.index("Tuner") < order.index("Trainer")
    [made] = [node["made"] for node in result["nodes"] if node["node"] == "Tuner"]
    assert made.startswith("best rmse ") and "3 succeeded" in made and "train." in made


def test_trainer_and_evaluator_take_the_best_settings(tuned) -> None:
    lodestar, result = tuned
    chosen = json.loads(_only(lodestar.home / "pipelines", "best_hyperparameters.txt").read_text())
    journal = _only(lodestar.home / "sweeps", "journal.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in journal]
    ended = {record["trial"]: record["value"] for record in records if record["event"] == "succeeded"}
    best = min(ended, key=ended.__getitem__)
    [point] = [r["params"] for r in records if r["event"] == "proposed" and r["trial"] == best]
    assert chosen == point and chosen
    report = Path(result["report"]).read_text()
    for name, value in chosen.items():
        assert name.rpartition(".")[2] in report and str(value) in report


def test_sweep_leaves_its_report_and_its_journal(tuned) -> None:
    lodestar, _ = tuned
    results = lodestar.home / "pipelines" / FAMILY / "Tuner"
    assert "<svg" in _only(results, "report.html").read_text()
    journal = _only(lodestar.home / "sweeps", "journal.jsonl")
    assert _only(results, "journal.jsonl").read_bytes() == journal.read_bytes()


def test_second_run_searches_no_more(tuned, ratings_folder: Path) -> None:
    lodestar, _ = tuned
    again = lodestar.run(FAMILY, "--data", str(ratings_folder), *SWEEP)
    assert states(again) == dict.fromkeys([*NODES, "Tuner"], "reused")
