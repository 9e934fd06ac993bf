"""ML-100K's fold u1 in one process, on workers, on a parameter server, with XLA and with mixed precision.

    python -m tests.benchmarks.bench_distributed [--data ML_100K_FOLDER]

Every row trains with the settings of `config.yaml` and exports; RMSE is that of the exported `rate` on
the test fold. Replicas are processes of this machine, so more of them than cores cannot be faster: the table
shows what a step costs them. Ends with 1 when an RMSE is off that of one process by more than 1 %.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import yaml

from components.datasets.fetch import resolve
from components.home import Home
from pipelines.terminal import print_table
from tests.prepared import ingest, transform
from tests.replicas import FAMILY, Training, model_of, request_of, rmse_of, train_here, with_compute

TOLERANCE = 0.01
ONE = "one process"
ROWS: dict[str, dict[str, Any]] = {
    ONE: {},
    "chief + 1 worker": {"workers": 2},
    "chief + 2 workers": {"workers": 3},
    "chief + worker + PS": {"workers": 1, "parameter_servers": 1},
    "chief + 2 workers + 2 PS": {"workers": 2, "parameter_servers": 2},
    "one process, XLA": {"xla": True},
    "one process, bfloat16": {"mixed_precision": True},
}


def settings_for(data: Path) -> Any:
    """Return the family's defaults on fold u1."""
    sections = yaml.safe_load((FAMILY.folder / "config.yaml").read_text())
    split = {"method": "files", "train": "u1.base", "eval": "u1.test"}
    sections["data"] = {"source": str(data), "rating_range": [1, 5], "split": split}
    return FAMILY.settings.model_validate(sections)


def measure(prepared: Any, settings: Any, folder: Path) -> tuple[float, int, float]:
    """Train once; return wall seconds from start to export, epochs of both stages, and the RMSE."""
    started = time.perf_counter()
    if settings.compute.distributed:
        training = Training(request_of(prepared, settings, folder))
        training.finish(3600)
        logs, error = (
            Path(training.request.output("model_run")),
            rmse_of(model_of(training.request), prepared),
        )
    else:
        error, logs = train_here(prepared, settings, folder), folder / "logs"
    spent = time.perf_counter() - started
    series = json.loads((logs / "history.json").read_text())["series"]
    return spent, len(series["train rmse"]) + len(series["refit rmse"]), error


def main() -> int:
    """Print a line for each way to train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="ml-100k", help="folder with u1.base, ...; fetched if not given")
    args = parser.parse_args()
    settings = settings_for(Path(resolve(args.data, Home.find().data, FAMILY.folder / "sample")))
    rows: dict[str, tuple[float, int, float]] = {}
    with tempfile.TemporaryDirectory() as root:
        ingest(Path(root), FAMILY, settings)
        prepared = transform(Path(root), FAMILY, settings)
        for number, (name, compute) in enumerate(ROWS.items()):
            rows[name] = measure(prepared, with_compute(settings, **compute), Path(root) / f"out-{number}")
            print(f"{name}: done", file=sys.stderr, flush=True)
    alone = rows[ONE][2]
    print_table(
        ("training", "wall s", "epochs", "s per epoch", "RMSE", "against one process"),
        [
            (name, f"{wall:.1f}", str(n), f"{wall / n:.2f}", f"{error:.4f}", f"{error / alone - 1:+.2%}")
            for name, (wall, n, error) in rows.items()
        ],
    )
    met = all(abs(error / alone - 1) <= TOLERANCE for _, _, error in rows.values())
    print(f"target: RMSE within {TOLERANCE:.0%} of one process: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
