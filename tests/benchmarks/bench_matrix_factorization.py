"""ML-100K's official folds u1-u5: matrix factorisation against Surprise on the same folds, in the same run.

    python tests/benchmarks/bench_matrix_factorization.py --data path/to/ml-100k

Every fold goes through the family's own reading, Transform, training, SavedModel and evaluation with the
settings of its `config.yaml`. `train s` is the training as it runs in the Trainer, the refit and the search
for the number of epochs included, and `export s` what the Trainer does besides.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
import yaml
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder
from tfx_bsl.public import tfxio

from components.evaluation.scores import EvalData, Scores
from components.examples import Examples
from components.family import find_family
from components.ingest.writer import WriteSplit

FAMILY = find_family("matrix-factorization")


@dataclass(frozen=True)
class Fold:
    """Folders of one fold's artifacts."""

    folder: Path

    def __getattr__(self, name: str) -> str:
        return str(self.folder / name)


def settings_for(data: Path, fold: int) -> Any:
    """Return the family's defaults on one fold."""
    sections = yaml.safe_load((FAMILY.folder / "config.yaml").read_text())
    split = {"method": "files", "train": f"u{fold}.base", "eval": f"u{fold}.test"}
    sections["data"] = {"source": str(data), "rating_range": [1, 5], "split": split}
    return FAMILY.settings.model_validate(sections)


def ingest(settings: Any, fold: Fold) -> None:
    """Write the splits."""
    with beam.Pipeline() as pipeline:
        ingested = FAMILY.load("ingest").read(pipeline, settings.data)
        for split, records in ingested.splits.items():
            writer = WriteSplit(f"{fold.raw}/Split-{split}", fold.scratch)
            _ = records | f"Write[{split}]" >> writer


def transform(settings: Any, fold: Fold) -> None:
    """Analyze the train split and transform all."""
    schema = text_format.Parse((FAMILY.folder / "schema.pbtxt").read_text(), schema_pb2.Schema())
    function = functools.partial(
        FAMILY.load("transform").preprocessing_fn,
        custom_config={"transform": settings.transform.model_dump()},
    )
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=fold.scratch):
        sources = {
            split: tfxio.TFExampleRecord(f"{fold.raw}/Split-{split}/*", schema=schema) for split in FAMILY.splits
        }
        read = {
            split: (pipeline | f"Read[{split}]" >> source.BeamSource(), source.TensorAdapterConfig())
            for split, source in sources.items()
        }
        graph = read[FAMILY.analyzed] | tft_beam.AnalyzeDataset(function)
        _ = graph | tft_beam.WriteTransformFn(fold.graph)
        for split, data in read.items():
            write_transformed(split, (data, graph), fold)


def write_transformed(split: str, data_and_graph: Any, fold: Fold) -> None:
    """Write one split as the Transform node does."""
    transformed, _ = data_and_graph | f"Transform[{split}]" >> tft_beam.TransformDataset(
        output_record_batches=True
    )
    target = beam.io.WriteToTFRecord(f"{fold.transformed}/Split-{split}/examples", file_name_suffix=".gz")
    _ = (
        transformed
        | f"Encode[{split}]" >> beam.FlatMapTuple(lambda b, _: example_coder.RecordBatchToExamplesEncoder().encode(b))
        | f"WriteTransformed[{split}]" >> target
    )


def train(settings: Any, fold: Fold) -> tuple[float, float]:
    """Run the trainer; return the seconds of the fit and of everything else."""
    trainer = FAMILY.load("trainer")
    spent = []

    def timed(*args: Any) -> Any:
        start = time.perf_counter()
        fitted = original(*args)
        spent.append(time.perf_counter() - start)
        return fitted

    original, trainer.fit = trainer.fit, timed
    sections = settings.model_dump_json(include={"transform", "train", "serve"})
    start = time.perf_counter()
    trainer.run_fn(
        SimpleNamespace(
            train_files=[f"{fold.transformed}/Split-train/*"],
            transform_graph_path=fold.graph,
            serving_model_dir=fold.model,
            model_run_dir=fold.logs,
            custom_config={"settings": sections},
        )
    )
    trainer.fit = original
    return spent[0], time.perf_counter() - start - spent[0]


def surprise_scores(data: Path, fold: int, algorithm: Callable[[], Any]) -> tuple[float, float, float]:
    """Return RMSE, MAE and training seconds of one of Surprise's algorithms."""
    import surprise

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
    import surprise

    settings = settings_for(data, number)
    with tempfile.TemporaryDirectory() as folder:
        fold = Fold(Path(folder))
        ingest(settings, fold)
        transform(settings, fold)
        fit_seconds, export_seconds = train(settings, fold)
        history = json.loads(Path(fold.logs, "history.json").read_text())["series"]
        eval_data = EvalData(Examples(fold.raw), Examples(fold.transformed), fold.graph)
        evaluator = FAMILY.load("evaluator")
        scores: Scores = evaluator.evaluate(tf.saved_model.load(fold.model), eval_data, settings)
        bias: Scores = evaluator.baseline(eval_data, settings)
    peers = {"BaselineOnly": lambda: surprise.BaselineOnly(verbose=False), "SVD": surprise.SVD}
    return {
        "ours": (scores.metrics["rmse"], scores.metrics["mae"], fit_seconds),
        "baseline": (bias.metrics["rmse"], bias.metrics["mae"], float("nan")),
        **{f"Surprise {name}": surprise_scores(data, number, make) for name, make in peers.items()},
        "export": export_seconds,
        "epochs": len(history["refit rmse"]),
        "ranking": {name: (scores.metrics[name], bias.metrics[name]) for name in ("ndcg@10", "recall@10")},
        "slices": scores.slices,
    }


def main() -> None:
    """Print one line per fold and system, and the means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with u1.base, u1.test, ...")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    args = parser.parse_args()
    systems = ("ours", "baseline", "Surprise BaselineOnly", "Surprise SVD")
    table: dict[str, list[tuple[float, ...]]] = {system: [] for system in systems}
    print(f"{'fold':5}{'system':24}{'RMSE':>8}{'MAE':>8}{'train s':>9}")
    for number in args.folds:
        result = run_fold(args.data, number)
        for system in systems:
            table[system].append(result[system])
            rmse, mae, seconds = result[system]
            print(f"u{number:<4}{system:24}{rmse:8.4f}{mae:8.4f}{seconds:9.1f}")
        ranking = "  ".join(f"{n} {a:.4f} (baseline {b:.4f})" for n, (a, b) in result["ranking"].items())
        print(f"     epochs {result['epochs']}, export {result['export']:.1f} s, {ranking}", flush=True)
    for system in systems:
        rmse, mae, seconds = np.mean(table[system], axis=0)
        print(f"mean {system:24}{rmse:8.4f}{mae:8.4f}{seconds:9.1f}")


if __name__ == "__main__":
    main()
