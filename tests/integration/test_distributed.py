"""`lodestar run --workers`: replicas on this machine, from raw data to a pushed model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Lodestar, states

FAMILY = "matrix-factorization"


@pytest.fixture(scope="module")
def lodestar(tmp_path_factory: pytest.TempPathFactory) -> Lodestar:
    return Lodestar(tmp_path_factory.mktemp("home"))


def arguments(ratings_folder: Path, *more: str) -> tuple[str, ...]:
    few = ("train.epochs=6", "train.dimensions=4", "evaluate.thresholds.baseline=-1")
    return ("--data", str(ratings_folder), "--workers", "2", *(f"--set={one}" for one in (*few, *more)))


def test_what_a_replica_says_is_what_the_user_reads(lodestar, ratings_folder):
    wild = ("train.learning_rate=0.5", "train.embedding_l2=0", "train.bias_damping=0", "train.init_scale=30")
    done = lodestar("run", FAMILY, *arguments(ratings_folder, *wild))
    assert done.returncode == 1
    assert "error: Training diverged in epoch 1 with learning_rate 0.5." in done.stderr
    assert "--set train.learning_rate=0.01" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_workers_train_evaluate_and_push_and_are_not_asked_again(lodestar, ratings_folder):
    result = lodestar.run(FAMILY, *arguments(ratings_folder))
    assert states(result)["Trainer"] == "done"
    assert result["blessed"]
    assert lodestar.versions(FAMILY) == ["1"]
    [history] = lodestar.home.glob("pipelines/*/Trainer/model_run/*/history.json")
    training = json.loads(history.read_text())["training"]
    assert (training["strategy"], training["replicas"]) == ("MultiWorkerMirroredStrategy", 2)
    again = lodestar.run(FAMILY, *arguments(ratings_folder))
    assert states(again)["Trainer"] == "reused"
    # The replicas' folder went with the model; that of the failed training is kept for another try.
    kept = list(lodestar.home.glob("pipelines/*/Trainer/.system/training/*"))
    assert len(kept) == 1


def test_a_family_of_one_process_refuses_workers_at_once(lodestar):
    done = lodestar("run", "text-search", "--workers", "3")
    assert done.returncode == 2
    assert "text-search trains in one plain process, not with compute.workers=3." in done.stderr
