"""Fit the weights of a fusion on training queries.

The weights minimise the listwise softmax cross-entropy of the judged documents (ListNet's top-one loss; Cao
et al., ICML 2007), which is smooth where NDCG is flat and noisy, so that no starting point has to be chosen.
A prior holds each weight near its default: a handful of queries cannot move it far, hundreds can.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.optimize import minimize

from . import TrainSettings
from .collection import Queries
from .network import FusedScorer, bag_of

# Documents that no scorer ranks this high do not reach the top of a fused ranking.
_DEPTH = 100
_CELLS = 2**24
# Standard deviations of the prior: of a weight's log-ratio to its default, and of the log-sharpness.
_RATIO_SPREAD = 1.0
_SHARPNESS_SPREAD = 3.0
_SHARPNESS = 10.0


class Candidates(NamedTuple):
    """What the scorers say about the documents that matter for one query.

    Attributes:
        documents: Ids, bytes `[c]`.
        scores: Scaled scores, float32 `[c, scorers]`.
    """

    documents: NDArray[Any]
    scores: NDArray[Any]


class Lists(NamedTuple):
    """Candidates of all queries that have a relevant one among them, one after the other.

    Attributes:
        scores: float64 `[c, scorers]`, the largest is 1.
        targets: Share of each candidate in its query's judgements by grade, float64 `[c]`.
        starts: Where each query's candidates start, int `[queries]`.
    """

    scores: NDArray[Any]
    targets: NDArray[Any]
    starts: NDArray[Any]


class Fitted(NamedTuple):
    """Weights, and the mean loss per query after each step of the fit."""

    weights: list[float]
    losses: list[float]


def fit_weights(
    scorer: FusedScorer, settings: TrainSettings, ids: NDArray[Any], queries: Queries, vocabulary_size: int
) -> Fitted:
    """Return weights that suit the training queries; the first scorer's stays as it is.

    Args:
        scorer: Gives the scaled scores.
        settings: The section `train`; its weights are the defaults, and one whose default is 0 stays 0.
        ids: Ids of the documents, bytes `[n]`.
        queries: At most 2,000 of them, drawn by the seed, are used; with none the defaults come back.
        vocabulary_size: Number of terms.
    """
    defaults = np.asarray(settings.weights, np.float64)
    fused = np.flatnonzero(defaults > 0)
    queries = _drawn(queries, settings.seed)
    candidates = _candidates(scorer, ids, queries, vocabulary_size) if len(queries) else []
    lists = _lists(candidates, queries, fused)
    if lists is None:
        return Fitted(defaults.tolist(), [])
    start = np.zeros(len(fused))
    losses: list[float] = []

    def remember(point: NDArray[Any]) -> None:
        losses.append(_loss(point, lists, defaults[fused])[0] / len(lists.starts))

    found = minimize(
        _loss, start, args=(lists, defaults[fused]), jac=True, method="L-BFGS-B", callback=remember
    )
    weights = defaults.copy()
    weights[fused[1:]] *= np.exp(found.x[1:])
    return Fitted(weights.tolist(), losses)


def _loss(point: NDArray[Any], lists: Lists, defaults: NDArray[Any]) -> tuple[float, NDArray[Any]]:
    """Return loss and gradient at `[log sharpness, log ratio of each further weight to its default]`."""
    logs = np.concatenate([[0.0], point[1:]]) + point[0]
    weights = _SHARPNESS * defaults * np.exp(logs)
    logits = lists.scores @ weights
    sizes = np.diff(np.append(lists.starts, len(logits)))
    logits -= np.repeat(np.maximum.reduceat(logits, lists.starts), sizes)
    shares = np.exp(logits)
    sums = np.add.reduceat(shares, lists.starts)
    cross_entropy = np.log(sums).sum() - lists.targets @ logits
    by_log = ((shares / np.repeat(sums, sizes) - lists.targets) @ lists.scores) * weights
    gradient = np.concatenate([[by_log.sum()], by_log[1:]])
    spread = np.concatenate([[_SHARPNESS_SPREAD], np.full(len(point) - 1, _RATIO_SPREAD)])
    prior = ((point / spread) ** 2).sum() / 2
    return float(cross_entropy + prior), gradient + point / spread**2


def _lists(candidates: list[Candidates], queries: Queries, fused: NDArray[Any]) -> Lists | None:
    scores, targets, sizes = [], [], []
    for found, judged in zip(candidates, queries.judgements, strict=True):
        grades: NDArray[Any] = np.array([judged.get(document, 0) for document in found.documents], np.float64)
        total = float(grades.sum())
        if total > 0:
            scores.append(found.scores[:, fused].astype(np.float64))
            targets.append(grades / total)
            sizes.append(len(grades))
    if not sizes or len(fused) < 2:
        return None
    stacked = np.concatenate(scores)
    largest = float(stacked.max())
    return Lists(
        stacked / (largest if largest > 0 else 1.0), np.concatenate(targets), np.cumsum([0, *sizes[:-1]])
    )


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
