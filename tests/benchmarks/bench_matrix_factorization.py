"""ML-100K's official folds u1-u5: matrix factorisation, and Surprise on the same folds in the same run.

    python -m tests.benchmarks.bench_matrix_factorization [--data ML_100K_FOLDER]

Every fold goes through the family's own reading, Transform, training, SavedModel and evaluation with the
settings of its `config.yaml`. `train s` is all training: the search for the number of epochs on a part of the
train split, and the refit on all of it. Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import surprise
import tensorflow as tf
import yaml

from components.datasets.fetch import resolve
from components.evaluation.scores import Scores
from components.family import find_family
from components.home import Home
from tests.prepared import Prepared, ingest, transform

FAMILY = find_family("matrix-factorization")
OURS, BASELINE = "matrix-factorization", "its damped-bias baseline"
PEERS: dict[str, Callable[[], Any]] = {
    "Surprise BaselineOnly": lambda: surprise.BaselineOnly(verbose=False),
    "Surprise SVD": surprise.SVD,
    # These parameters were chosen on the test folds themselves, which flatters them.
    "Surprise SVD, tuned": lambda: surprise.SVD(n_factors=200, n_epochs=100, lr_all=0.005, reg_all=0.1),
}
RANKINGS = ("ndcg@10", "recall@10")
RMSE_TARGET, SECONDS_TARGET = 0.920, 30.0


def settings_for(data: Path, fold: int) -> Any:
    """Return the family's defaults on one fold."""
    sections = yaml.safe_load((FAMILY.folder / "config.yaml").read_text())
    split = {"method": "files", "train": f"u{fold}.base", "eval": f"u{fold}.test"}
    sections["data"] = {"source": str(data), "rating_range": [1, 5], "split": split}
    return FAMILY.settings.model_validate(sections)


def train(settings: Any, fold: Prepared) -> tuple[float, float]:
    """Run the trainer; return the seconds of the fit and of everything else."""
    trainer = FAMILY.load("trainer")
    spent = []

    def timed(*args: Any) -> Any:
        start = time.perf_counter()
        fitted = original(*args)
        spent.append(time.perf_counter() - start)
        return fitted

    original, trainer.fit = trainer.fit, timed
    args = fold.fn_args(settings, fold.root)
    start = time.perf_counter()
    trainer.run_fn(args)
    trainer.fit = original
    return spent[0], time.perf_counter() - start - spent[0]


def surprise_scores(data: Path, fold: int, algorithm: Callable[[], Any]) -> tuple[float, float, float]:
    """Return RMSE, MAE and training seconds of one of Surprise's algorithms."""
    np.random.seed(20)
    reader = surprise.Reader("ml-100k")
    files = [(str(data / f"u{fold}.base"), str(data / f"u{fold}.test"))]
    folds = surprise.Dataset.load_from_folds(files, reader)
    trainset, testset = next(surprise.model_selection.PredefinedKFold().split(folds))
    start = time.perf_counter()
    fitted = algorithm().fit(trainset)
    seconds = time.perf_counter() - start
    predictions = fitted.test(testset)
    return (
        surprise.accuracy.rmse(predictions, verbose=False),
        surprise.accuracy.mae(predictions, verbose=False),
        seconds,
    )


def run_fold(data: Path, number: int) -> dict[str, Any]:
    """Return all figures of one fold."""
    settings = settings_for(data, number)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ingest(root, FAMILY, settings)
        fold = transform(root, FAMILY, settings)
        fit_seconds, other_seconds = train(settings, fold)
        epochs = len(json.loads((root / "logs" / "history.json").read_text())["series"]["refit rmse"])
        evaluator = FAMILY.load("evaluator")
        scores: Scores = evaluator.evaluate(tf.saved_model.load(str(root / "serving")), fold.data, settings)
        bias: Scores = evaluator.baseline(fold.data, settings)
    rankings = [f"{name} {scores.metrics[name]:.4f} (baseline {bias.metrics[name]:.4f})" for name in RANKINGS]
    return {
        OURS: (scores.metrics["rmse"], scores.metrics["mae"], fit_seconds),
        BASELINE: (bias.metrics["rmse"], bias.metrics["mae"], float("nan")),
        **{name: surprise_scores(data, number, make) for name, make in PEERS.items()},
        "note": f"{epochs} epochs, export {other_seconds:.1f} s; {', '.join(rankings)}",
    }


def main() -> int:
    """Print a line for each fold and system, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="ml-100k", help="folder with u1.base, ...; fetched if not given")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    args = parser.parse_args()
    data = Path(resolve(args.data, Home.find().data, FAMILY.folder / "sample"))
    table: dict[str, list[tuple[float, ...]]] = {system: [] for system in (OURS, BASELINE, *PEERS)}
    print(f"{'fold':6}{'system':26}{'RMSE':>8}{'MAE':>8}{'train s':>9}")
    for number in args.folds:
        result = run_fold(data, number)
        for system, rows in table.items():
            rows.append(result[system])
            print_row(f"u{number}", system, *result[system])
        print(f"      {result['note']}", flush=True)
    means = {system: np.mean(rows, axis=0) for system, rows in table.items()}
    for system, mean in means.items():
        print_row("mean", system, *mean)
    slowest = max(seconds for _, _, seconds in table[OURS])
    met = means[OURS][0] <= RMSE_TARGET and slowest <= SECONDS_TARGET
    verdict = "met" if met else "MISSED"
    print(f"target: mean RMSE <= {RMSE_TARGET}, every fold <= {SECONDS_TARGET:g} s: {verdict}")
    return 0 if met else 1


def print_row(fold: str, system: str, rmse: float, mae: float, seconds: float) -> None:
    """Print one line of the table."""
    shown = "" if np.isnan(seconds) else f"{seconds:9.1f}"
    print(f"{fold:6}{system:26}{rmse:8.4f}{mae:8.4f}{shown}")


if __name__ == "__main__":
    sys.exit(main())
