"""What a model answers, and the judgements of it, as `components.metrics.ranking` takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from components.examples import Examples
from components.metrics import ranking

# 16 queries over a million documents need 64 MB of scores.
_BATCH = 16

Search = Callable[[tf.Tensor], Mapping[str, tf.Tensor]]


def run_of(search: Search, names: Sequence[str], texts: NDArray[Any]) -> dict[str, dict[str, float]]:
    """Return query name -> document -> score, by rank.

    Args:
        search: Returns `ids`, string `[b, k]`, for a batch of queries.
        names: Name of each query.
        texts: The queries, bytes `[n]`.
    """
    found: list[list[str]] = []
    for start in range(0, len(texts), _BATCH):
        ids = search(tf.constant(texts[start : start + _BATCH], tf.string))["ids"].numpy()
        found += [[name.decode() for name in row] for row in ids]
    return {name: ranking.ranking(ids) for name, ids in zip(names, found, strict=True)}


def read_qrels(examples: Examples, split: str) -> dict[str, dict[str, int]]:
    """Return query name -> document -> grade for the queries of a split, raw or transformed."""
    names = examples.scalars(split, id=tf.string)["id"]
    judged = examples.lists(split, relevant_ids=tf.string, relevant_grades=tf.int64)
    rows = zip(names, judged["relevant_ids"], judged["relevant_grades"], strict=True)
    return {
        name.decode(): {document.decode(): int(grade) for document, grade in zip(ids, grades, strict=True)}
        for name, ids, grades in rows
    }
