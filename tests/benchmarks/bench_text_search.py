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
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import bm25s
import numpy as np
import Stemmer
import tensorflow as tf
import yaml

from components.evaluation.scores import EvalData
from components.family import find_family
from components.metrics import ranking
from components.text.stop_words import ENGLISH
from tests.prepared import Prepared, ingest, transform

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


def ours(name: str, prepared: Prepared, settings: Any) -> Row:
    """Train, export, load and evaluate one encoder."""
    args = prepared.fn_args(settings, prepared.root / name.replace(", ", "-"))
    start = time.perf_counter()
    FAMILY.load("trainer").run_fn(args)
    seconds = time.perf_counter() - start
    model = tf.saved_model.load(args.serving_model_dir)
    metrics = FAMILY.load("evaluator").evaluate(model, prepared.data, settings).metrics
    search = model.signatures["serving_default"]
    queries = prepared.data.raw.scalars("eval", text=tf.string)["text"]
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
        root, defaults = Path(folder), settings_with(source)
        start = time.perf_counter()
        ingest(root, FAMILY, defaults)
        prepared = transform(root, FAMILY, defaults)
        print(f"ingest and transform: {time.perf_counter() - start:.1f} s")
        rows = [ours(name, prepared, settings_with(source, **train)) for name, train in TRIALS.items()]
        print_table([*rows, peer(prepared.data, defaults)])


if __name__ == "__main__":
    main()
