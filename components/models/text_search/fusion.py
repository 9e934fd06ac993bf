"""Fit the weights of a fusion on training queries.

Few parameters and a cautious choice keep the fit from learning the training queries by heart: a weight leaves
its default only for a gain that the queries can tell from noise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.metrics import ranking

from . import TrainSettings
from .collection import Queries
from .network import FusedScorer, bag_of

GRID = tuple(round(0.05 * step, 2) for step in range(31))
# Documents that no scorer ranks this high do not reach the fused top 10.
_DEPTH = 100
_CUTOFF = 10
_CELLS = 2**24


class Candidates(NamedTuple):
    """What the scorers say about the documents that matter for one query.

    Attributes:
        documents: Ids, bytes `[c]`.
        scores: Scaled scores, float32 `[c, scorers]`.
    """

    documents: NDArray[Any]
    scores: NDArray[Any]


class Fitted(NamedTuple):
    """Weights, and for each refitted scorer the mean nDCG@10 at each point of the grid."""

    weights: list[float]
    curves: dict[int, list[float]]


def fit_weights(
    scorer: FusedScorer, settings: TrainSettings, ids: NDArray[Any], queries: Queries, vocabulary_size: int
) -> Fitted:
    """Return weights that suit the training queries; the first scorer's stays as it is.

    The other weights are fitted in turn over `GRID` (times the first weight). Of all points whose mean
    nDCG@10 is within one standard error of the best one's (paired over the queries), the nearest to the
    default wins.

    Args:
        scorer: Gives the scaled scores.
        settings: The section `train`; its weights are the defaults.
        ids: Ids of the documents, bytes `[n]`.
        queries: At most 2,000 of them, drawn by the seed, are used; with none the defaults come back.
        vocabulary_size: Number of terms.
    """
    weights = list(settings.weights)
    curves: dict[int, list[float]] = {}
    queries = _drawn(queries, settings.seed)
    if not len(queries):
        return Fitted(weights, curves)
    candidates = _candidates(scorer, ids, queries, vocabulary_size)
    for i in range(1, len(weights)):
        grid = sorted({weights[i], *(round(weights[0] * point, 6) for point in GRID)})
        values = [_ndcg(candidates, queries, [*weights[:i], point, *weights[i + 1 :]]) for point in grid]
        weights[i] = grid[_cautious(np.stack(values), grid.index(weights[i]))]
        curves[i] = [float(row.mean()) for row in values]
    return Fitted(weights, curves)


def _cautious(values: NDArray[Any], default: int) -> int:
    # values: [points, queries]
    lost = values[values.mean(axis=1).argmax()] - values
    error = lost.std(axis=1) / np.sqrt(lost.shape[1])
    acceptable = np.flatnonzero(lost.mean(axis=1) <= error)
    return int(acceptable[np.abs(acceptable - default).argmin()])


def _ndcg(candidates: list[Candidates], queries: Queries, weights: list[float]) -> NDArray[Any]:
    qrels = {str(i): _named(judged) for i, judged in enumerate(queries.judgements)}
    run = {}
    for i, (documents, scores) in enumerate(candidates):
        total = scores @ np.asarray(weights, np.float32)
        best = np.argsort(-total, kind="stable")[:_CUTOFF]
        run[str(i)] = ranking.ranking([documents[j].decode() for j in best if total[j] > 0])
    values = ranking.per_query(qrels, run, _CUTOFF)["ndcg@10"]
    return np.array([values[query] for query in qrels])


def _named(judged: dict[bytes, int]) -> dict[str, int]:
    return {document.decode(): grade for document, grade in judged.items()}


def _candidates(
    scorer: FusedScorer, ids: NDArray[Any], queries: Queries, vocabulary_size: int
) -> list[Candidates]:
    found: list[Candidates] = []
    size = max(1, _CELLS // len(ids))
    for start in range(0, len(queries), size):
        terms = tf.ragged.constant([row.tolist() for row in queries.terms[start : start + size]], tf.int64, 1)
        parts = scorer.parts(bag_of(terms, vocabulary_size))
        best = [tf.math.top_k(part, min(_DEPTH, len(ids))).indices.numpy() for part in parts]
        scores = np.stack([part.numpy() for part in parts], axis=2)
        for row, documents in zip(scores, np.concatenate(best, axis=1), strict=True):
            documents = np.unique(documents)
            found.append(Candidates(ids[documents], row[documents]))
    return found


def _drawn(queries: Queries, seed: int, limit: int = 2000) -> Queries:
    if len(queries) <= limit:
        return queries
    drawn = np.sort(np.random.default_rng(seed).choice(len(queries), limit, replace=False))
    return Queries([queries.terms[i] for i in drawn], [queries.judgements[i] for i in drawn])
