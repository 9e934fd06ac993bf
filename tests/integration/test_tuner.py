"""A sweep as a step of a pipeline: it outlives its run, and its best settings train the model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import NODES, Lodestar, states

FAMILY = "matrix-factorization"
SWEEP = (
    *("--set", "train.epochs=6", "--set", "train.batch_size=1023"),
    *("--sweep-trials", "3", "--sweep-parallel", "2"),
)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, ratings_folder: Path) -> tuple[Lodestar, dict[str, Any]]:
    """Return the home and the result of a run after one that was killed in the middle of the same sweep."""
    lodestar = Lodestar(tmp_path_factory.mktemp("home"))
    arguments = (FAMILY, "--data", str(ratings_folder), *SWEEP)
    command = [sys.executable, "-m", "pipelines", "run", *arguments]
    environment = {**os.environ, "LODESTAR_HOME": str(lodestar.home)}
    killed = subprocess.Popen(command, env=environment, cwd=lodestar.code, stdout=subprocess.DEVNULL)
    while "succeeded" not in "".join(
        path.read_text() for path in lodestar.home.glob("sweeps/*/journal.jsonl")
    ):
        assert killed.poll() is None
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    return lodestar, lodestar.run(*arguments)


def _only(folder: Path, pattern: str) -> Path:
    [path] = folder.rglob(pattern)
    return path


def _records(lodestar: Lodestar) -> list[dict[str, Any]]:
    journal = _only(lodestar.home / "sweeps", "journal.jsonl")
    return [json.loads(line) for line in journal.read_text().splitlines()]


def test_run_after_a_killed_one_goes_on_with_its_sweep(tuned) -> None:
    lodestar, _ = tuned
    events = [(record["event"], record.get("trial")) for record in _records(lodestar)]
    assert [event for event, _ in events].count("opened") == 2
    assert [trial for event, trial in events if event == "started"] == [0, 1, 2]
    assert sorted(trial for event, trial in events if event == "succeeded") == [0, 1, 2]


def test_sweep_is_a_node_between_transform_and_trainer(tuned) -> None:
    _, result = tuned
    done = {node for node, state in states(result).items() if state == "done"}
    assert done == {"Tuner", "Trainer", "Evaluator", "Pusher"}
    order = [node["node"] for node in result["nodes"]]
    assert order.index("Transform") < order.index("Tuner") < order.index("Trainer")
    [made] = [node["made"] for node in result["nodes"] if node["node"] == "Tuner"]
    assert made.startswith("best rmse ") and "3 succeeded" in made and "train." in made


def test_trainer_and_evaluator_take_the_best_settings(tuned) -> None:
    lodestar, result = tuned
    chosen = json.loads(_only(lodestar.home / "pipelines", "best_hyperparameters.txt").read_text())
    records = _records(lodestar)
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
