"""SciFact: every encoder of text search, and bm25s on the same documents and queries in the same run.

    python -m tests.benchmarks.bench_text_search [--data BEIR_FOLDER]

Everything goes through the family's own code: ingest, Transform, trainer, SavedModel, evaluator. `fit s` is
all that the trainer does, export included; `p50 ms` the median over the eval queries, one query a call,
text in and ranked ids out.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import apache_beam as beam
import bm25s
import numpy as np
import Stemmer
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
import yaml
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public import tfxio

from components.evaluation.scores import EvalData
from components.examples import Examples
from components.family import find_family
from components.ingest.writer import WriteSplit
from components.metrics import ranking
from components.text.stop_words import ENGLISH

FAMILY = find_family("text-search")
METRICS = ("ndcg@10", "map@100", "recall@100", "mrr@100")
DEPTH = 100
TRIALS: dict[str, dict[str, Any]] = {
    "tfidf": {"encoder": "tfidf"},
    "bm25": {"encoder": "bm25"},
    "glove": {"encoder": "glove"},
    "lsa": {"encoder": "lsa"},
    "fused, score": {"encoder": "fused", "fusion": "score"},
    "fused, rrf": {"encoder": "fused", "fusion": "rrf"},
}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    metrics: dict[str, float]
    fit_seconds: float
    query_ms: float
    note: str = ""


def settings_with(source: Path, **train: Any) -> Any:
    """Return the family's default settings with `train` changed."""
    config = yaml.safe_load((FAMILY.folder / "config.yaml").read_text())
    config["data"]["source"] = str(source)
    config["train"].update(train)
    return FAMILY.settings.model_validate(config)


def prepare(root: Path, settings: Any) -> EvalData:
    """Run ingest and Transform; the vocabulary comes from the corpus alone."""
    ingest, transform = FAMILY.load("ingest"), FAMILY.load("transform")
    with beam.Pipeline() as pipeline:
        splits = ingest.read(pipeline, settings.data).splits
        for split, records in splits.items():
            folder, scratch = root / "raw" / f"Split-{split}", root / "shards"
            _ = records | f"Write{split}" >> WriteSplit(str(folder), str(scratch))
    schema = text_format.Parse((FAMILY.folder / "schema.pbtxt").read_text(), schema_pb2.Schema())
    config = {"transform": settings.transform.model_dump(mode="json")}
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(root / "tmp")):
        sources = {split: read(pipeline, root, split, schema) for split in FAMILY.splits}
        analyze = tft_beam.AnalyzeDataset(lambda inputs: transform.preprocessing_fn(inputs, config))
        graph = sources[FAMILY.analyzed] | analyze
        _ = graph | tft_beam.WriteTransformFn(str(root / "graph"))
        for split, source in sources.items():
            write(root, split, source, graph)
    return EvalData(Examples(str(root / "raw")), Examples(str(root / "transformed")), str(root / "graph"))


def read(pipeline: beam.Pipeline, root: Path, split: str, schema: schema_pb2.Schema) -> Any:
    """Return the raw split as tf.Transform takes it."""
    source = tfxio.TFExampleRecord(str(root / "raw" / f"Split-{split}" / "*"), schema=schema)
    return pipeline | f"Read{split}" >> source.BeamSource(), source.TensorAdapterConfig()


def write(root: Path, split: str, source: Any, graph: Any) -> None:
    """Transform a split and write it."""
    transform = tft_beam.TransformDataset(output_record_batches=True)
    batches, metadata = (source, graph) | f"Transform{split}" >> transform
    coder = tfxio.RecordBatchToExamplesEncoder(metadata.schema)
    path = str(root / "transformed" / f"Split-{split}" / "part")
    _ = (
        batches
        | f"Encode{split}" >> beam.FlatMapTuple(lambda batch, _: coder.encode(batch))
        | f"Store{split}" >> beam.io.WriteToTFRecord(path, file_name_suffix=".gz")
    )


def timed(search: Callable[[bytes], Any], queries: np.ndarray) -> float:
    """Return the median milliseconds of one query; the first calls are left out."""
    for query in queries[:10]:
        search(query)
    times = []
    for query in queries:
        start = time.perf_counter()
        search(query)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def ours(name: str, root: Path, data: EvalData, settings: Any) -> Row:
    """Train, export, load and evaluate one encoder."""
    out = root / name.replace(", ", "-")
    args = SimpleNamespace(
        custom_config={"settings": settings.model_dump_json(include={"transform", "train", "serve"})},
        train_files=[f"{data.transformed.uri}/Split-train/*"],
        transform_graph_path=data.transform_graph,
        serving_model_dir=str(out / "serving"),
        model_run_dir=str(out / "logs"),
    )
    start = time.perf_counter()
    FAMILY.load("trainer").run_fn(args)
    seconds = time.perf_counter() - start
    model = tf.saved_model.load(args.serving_model_dir)
    metrics = FAMILY.load("evaluator").evaluate(model, data, settings).metrics
    search = model.signatures["serving_default"]
    queries = data.raw.scalars("eval", text=tf.string)["text"]
    fused = settings.train.encoder == "fused"
    note = f"weights {[round(float(w), 2) for w in model.scorer.weights.numpy()]}" if fused else ""
    return Row(name, dict(metrics), seconds, timed(lambda q: search(query=tf.constant([q])), queries), note)


def peer(data: EvalData, settings: Any) -> Row:
    """Index and search with bm25s: Lucene's BM25, Snowball's Porter stemmer, our stop words."""
    corpus = data.raw.scalars("corpus", id=tf.string, text=tf.string)
    titles = [b" ".join(title) for title in data.raw.lists("corpus", title=tf.string)["title"]]
    texts = [f"{t.decode()} {x.decode()}" for t, x in zip(titles, corpus["text"], strict=True)]
    options = {"stemmer": Stemmer.Stemmer("porter"), "stopwords": list(ENGLISH), "show_progress": False}
    start = time.perf_counter()
    retriever = bm25s.BM25(k1=settings.train.k1, b=settings.train.b, method="lucene")
    # Our tokenizer keeps single characters; bm25s' own pattern drops them.
    options["token_pattern"] = r"(?u)[^\W_]+"
    retriever.index(bm25s.tokenize(texts, **options), show_progress=False)
    seconds = time.perf_counter() - start

    def search(query: bytes) -> list[str]:
        tokens = bm25s.tokenize(query.decode(), **options)
        found, scores = retriever.retrieve(tokens, k=DEPTH, show_progress=False)
        return [corpus["id"][i].decode() for i, score in zip(found[0], scores[0], strict=True) if score > 0]

    queries = data.raw.scalars("eval", id=tf.string, text=tf.string)
    names = [name.decode() for name in queries["id"]]
    run = {name: ranking.ranking(search(q)) for name, q in zip(names, queries["text"], strict=True)}
    metrics = ranking.evaluate(qrels(names, data), run, DEPTH)
    return Row(f"bm25s {version('bm25s')}", metrics, seconds, timed(search, queries["text"]))


def qrels(names: list[str], data: EvalData) -> dict[str, dict[str, int]]:
    """Return the judgements of the eval queries."""
    judged = data.raw.lists("eval", relevant_ids=tf.string, relevant_grades=tf.int64)
    rows = zip(names, judged["relevant_ids"], judged["relevant_grades"], strict=True)
    return {n: {d.decode(): int(g) for d, g in zip(i, g_, strict=True)} for n, i, g_ in rows}


def print_table(rows: list[Row]) -> None:
    """Print one line for each row."""
    print(f"{'':<16}" + "".join(f"{name:>12}" for name in (*METRICS, "fit s", "p50 ms")))
    for row in rows:
        values = "".join(f"{row.metrics[name]:>12.4f}" for name in METRICS)
        print(f"{row.name:<16}{values}{row.fit_seconds:>12.1f}{row.query_ms:>12.2f}  {row.note}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=FAMILY.folder / "sample", help="a BEIR folder")
    source = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        data = prepare(Path(folder), settings_with(source))
        print(f"ingest and transform: {time.perf_counter() - start:.1f} s")
        rows = [
            ours(name, Path(folder), data, settings_with(source, **train)) for name, train in TRIALS.items()
        ]
        print_table([*rows, peer(data, settings_with(source))])


if __name__ == "__main__":
    main()
