"""Ranking quality of a model on the queries of the split `eval`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy.typing import NDArray

from components.evaluation import index
from components.evaluation.scores import EvalData, Scores
from components.metrics import ranking
from components.text.analyzer import tokenize

from . import TextSearchSettings
from .collection import read_collection
from .rankings import Search, read_qrels, run_of
from .trainer import build
from .transform import VOCABULARY

_BANDS = (("1-5", 5), ("6-10", 10), ("11+", np.inf))


def evaluate(model: Any, data: EvalData, settings: TextSearchSettings) -> Scores:
    """Return the scores of a loaded SavedModel.

    Args:
        model: What `tf.saved_model.load` returns.
        data: Where to read the queries from.
        settings: The family's settings.

    Returns:
        `ndcg@10`, and `map`, `recall` and `mrr` down to the length of an answer (`map@100`): means over all
        judged queries, and over bands of query length in words.
    """
    signatures, depth = model.signatures, settings.serve.top_k
    scores = _scores(lambda query: signatures["serving_default"](query=query), data, depth)
    if settings.serve.index.kind == "exact" or "retrieve" not in signatures:
        return scores
    return replace(scores, metrics={**scores.metrics, **_index(signatures["retrieve"], data)})


def _index(retrieve: Any, data: EvalData) -> dict[str, float]:
    texts, nothing = data.raw.scalars("eval", text=tf.string)["text"], tf.zeros([1, 0], tf.string)

    def ask(number: int, n_probe: int) -> list[bytes]:
        query, probes = tf.constant(texts[number : number + 1], tf.string), tf.constant([n_probe])
        answer = retrieve(query=query, exclude_ids=nothing, categories=nothing, n_probe=probes)
        return list(answer["ids"].numpy()[0])

    return index.measure(ask, len(texts))


def baseline(data: EvalData, settings: TextSearchSettings) -> Scores:
    """Return the scores of cosine search with tf-idf vectors, one dimension per term."""
    graph = tft.TFTransformOutput(data.transform_graph)
    collection = read_collection(data.transformed, graph.vocabulary_size_by_name(VOCABULARY))
    train = settings.train.model_copy(update={"encoder": "tfidf"})
    model = build(settings.transform, train, settings.serve.top_k, collection, graph)
    return _scores(model.search, data, settings.serve.top_k)


def _scores(search: Search, data: EvalData, depth: int) -> Scores:
    columns = data.raw.scalars("eval", id=tf.string, text=tf.string)
    names = [name.decode() for name in columns["id"]]
    run = run_of(search, names, columns["text"])
    values = ranking.per_query(read_qrels(data.raw, "eval"), run, depth)
    return Scores(metrics=ranking.mean(values), slices=_slices(names, columns["text"], values))


def _slices(
    names: list[str], texts: NDArray[Any], values: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    words = tokenize(tf.constant(texts, tf.string)).row_lengths().numpy()
    found, shortest = {}, 0.0
    for label, longest in _BANDS:
        inside = [name for name, count in zip(names, words, strict=True) if shortest < count <= longest]
        shortest = longest
        if inside:
            part = {metric: {name: column[name] for name in inside} for metric, column in values.items()}
            found[f"query length in words: {label}"] = {"count": float(len(inside)), **ranking.mean(part)}
    return found
