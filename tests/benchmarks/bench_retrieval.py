"""Search a million vectors: exact, inverted lists and quantized lists as served models, beside FAISS.

    python -m tests.benchmarks.bench_retrieval [--vectors 1000000] [--batch 1024] [--rounds 7]

All of them answer the same queries, in turns, on two threads; the best round of each counts. Recall is of the
ten nearest against exact search. Each searches the fewest cells with which its recall is at least 0.95 in a
part of the queries that is not measured. The served models are saved, and run by the model server's loader.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import tensorflow as tf

from components.retrieval.build import IndexOptions
from components.retrieval.vector_model import VectorModel
from components.serving.servable import Servable

WIDTH, DEPTH, THREADS, RECALL = 64, 10, 2, 0.95
Search = Callable[[np.ndarray], np.ndarray]


def clustered(count: int, queries: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors and queries of length 1 around one centre for each hundred vectors."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((max(1, count // 100), WIDTH), dtype=np.float32)

    def draw(size: int) -> np.ndarray:
        found = centres[random.integers(0, len(centres), size)]
        found = found + 0.6 * random.standard_normal((size, WIDTH), dtype=np.float32)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    return draw(count), draw(queries)


def served(folder: Path, vectors: np.ndarray, tried: np.ndarray, options: IndexOptions) -> tuple[Search, str]:
    """Save a model of the vectors, load it as the server does; return its search and how it was made."""
    ids = np.arange(len(vectors)).astype(str).astype(object)
    start = time.perf_counter()
    model = VectorModel(ids, vectors, tried, DEPTH, options)
    tf.saved_model.save(model, str(folder), signatures=model.signatures())
    seconds = time.perf_counter() - start
    probes = f"{model.index.n_probe} of {model.index.count}" if options.kind == "ivf" else "all"
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20
    del model
    servable = Servable(folder)

    def search(queries: np.ndarray) -> np.ndarray:
        found = servable.predict("", {"embedding": queries}, ["ids"])["ids"]
        return found.astype(np.int64)

    return search, f"{probes}|{seconds:.0f}|{size:.0f}"


def inverted_faiss(vectors: np.ndarray, tried: np.ndarray, truth: np.ndarray) -> tuple[Search, str]:
    """Return a search of FAISS's IVF with as many cells as ours, probing as few as suffice."""
    cells = int(4 * np.sqrt(len(vectors)))
    start = time.perf_counter()
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(WIDTH), WIDTH, cells, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[np.random.default_rng(0).permutation(len(vectors))[: cells * 40]])
    index.add(vectors)
    seconds = time.perf_counter() - start
    for probes in range(1, cells):
        index.nprobe = probes
        if recall(index.search(tried, DEPTH)[1], truth) >= RECALL:
            break
    size = vectors.nbytes / 2**20
    return lambda queries: index.search(queries, DEPTH)[
        1
    ], f"{index.nprobe} of {cells}|{seconds:.0f}|{size:.0f}"


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean share of the true neighbours that was found."""
    return float(np.mean([len({*one} & {*other}) / DEPTH for one, other in zip(found, truth, strict=True)]))


def measure(searches: dict[str, Search], queries: np.ndarray, rounds: int) -> dict[str, float]:
    """Return the queries a second of each, best of the rounds, in turns."""
    best = dict.fromkeys(searches, float("inf"))
    for _ in range(rounds):
        for name, search in searches.items():
            start = time.perf_counter()
            search(queries)
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: len(queries) / seconds for name, seconds in best.items()}


def latencies(search: Search, queries: np.ndarray) -> tuple[float, float]:
    """Return p50 and p99 of single queries in milliseconds."""
    taken = []
    for query in queries:
        start = time.perf_counter()
        search(query[np.newaxis])
        taken.append(1000 * (time.perf_counter() - start))
    return float(np.percentile(taken, 50)), float(np.percentile(taken, 99))


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    faiss.omp_set_num_threads(THREADS)
    vectors, asked = clustered(arguments.vectors, 512 + arguments.batch, seed=7)
    tried, queries = asked[:512], asked[512:]
    flat = faiss.IndexFlatIP(WIDTH)
    flat.add(vectors)
    truth, tried_truth = flat.search(queries, DEPTH)[1], flat.search(tried, DEPTH)[1]
    kinds = {
        "exact in TensorFlow": IndexOptions("exact"),
        "inverted lists in TensorFlow": IndexOptions("ivf", min_recall=RECALL),
        "  the same, eight bits": IndexOptions("ivf", quantized=True, min_recall=RECALL),
    }
    searches: dict[str, Search] = {"FAISS flat": lambda queries: flat.search(queries, DEPTH)[1]}
    notes = {"FAISS flat": f"all|0|{vectors.nbytes / 2**20:.0f}"}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, options) in enumerate(kinds.items()):
            searches[name], notes[name] = served(Path(folder) / str(number), vectors, tried, options)
        searches["FAISS IVF"], notes["FAISS IVF"] = inverted_faiss(vectors, tried, tried_truth)
        rates = measure(searches, queries, arguments.rounds)
    exact, peer = rates["exact in TensorFlow"], rates["FAISS IVF"]
    print(f"{len(vectors):,} x {WIDTH}, batches of {len(queries)}, {THREADS} threads, recall@{DEPTH}")
    print(
        "| search | cells | recall | queries/s | x exact | x FAISS IVF | p50 / p99 ms of one | built s | MB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, search in searches.items():
        cells, built, size = notes[name].split("|")
        p50, p99 = latencies(search, queries[:200])
        found = recall(search(queries), truth)
        row = [name, cells, f"{found:.3f}", f"{rates[name]:,.0f}", f"{rates[name] / exact:.1f}"]
        print(
            "|", " | ".join([*row, f"{rates[name] / peer:.2f}", f"{p50:.2f} / {p99:.2f}", built, size]), "|"
        )


if __name__ == "__main__":
    main()
