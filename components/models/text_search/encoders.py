"""Fit an encoder to a collection: which weights and vectors its scorer gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from . import TrainSettings
from .collection import Collection, bm25, tfidf
from .network import FusedScorer, TermScorer, VectorScorer
from .vectors import WordVectors

_POWER_ITERATIONS = 4


def fit(
    settings: TrainSettings, collection: Collection, words: WordVectors
) -> TermScorer | VectorScorer | FusedScorer:
    """Return the scorer that `settings.encoder` names.

    Args:
        settings: The section `train`.
        collection: The documents.
        words: Reads the pre-trained vectors, when the encoder needs them.
    """
    if settings.encoder != "fused":
        return _single(settings.encoder, settings, collection, words)
    scorers = [_single(name, settings, collection, words) for name in settings.fuse]
    # Embeddings are of most use where they are dense.
    dense = [i for i, scorer in enumerate(scorers) if isinstance(scorer, VectorScorer)]
    return FusedScorer(scorers, settings.fusion, settings.weights, embedder=(dense or [0])[0])


def _single(
    encoder: str, settings: TrainSettings, collection: Collection, words: WordVectors
) -> TermScorer | VectorScorer:
    if encoder == "tfidf":
        return _postings(tfidf(collection), collection.idf, cosine=True)
    if encoder == "bm25":
        weights = bm25(collection, settings.k1, settings.b)
        return _postings(weights, np.ones(weights.shape[1]), cosine=False)
    if encoder == "lsa":
        return _lsa(collection, settings.dimensions, settings.sampled_documents, settings.seed)
    return _glove(collection, words.of_terms())


def _postings(weights: sp.csr_matrix, term_weights: NDArray[Any], cosine: bool) -> TermScorer:
    by_term = weights.tocsc()
    return TermScorer(by_term.indptr, by_term.indices, by_term.data, term_weights, weights.shape[0], cosine)


def _lsa(collection: Collection, dimensions: int, sampled: int, seed: int) -> VectorScorer:
    documents = tfidf(collection)
    axes = principal_axes(documents, dimensions, sampled, seed)
    return VectorScorer(collection.idf[:, np.newaxis] * axes, _unit(documents @ axes), damped=True)


def principal_axes(rows: sp.csr_matrix, dimensions: int, sampled: int, seed: int) -> NDArray[Any]:
    """Return the first right singular vectors of `rows`, float32 `[v, d]`.

    d is `dimensions`, or one less than `rows` has rows or columns when that is fewer (but at least 1). More
    rows than `sampled` are represented by that many, drawn by `seed`.
    """
    random = np.random.default_rng(seed)
    if rows.shape[0] > sampled:
        rows = rows[np.sort(random.choice(rows.shape[0], sampled, replace=False))]
    size = max(1, min(dimensions, min(rows.shape) - 1))
    _, _, axes = randomized_svd(rows, size, n_iter=_POWER_ITERATIONS, random_state=seed)
    return axes.T.astype(np.float32)


def _glove(collection: Collection, vectors: NDArray[Any]) -> VectorScorer:
    weighted = collection.idf[:, np.newaxis] * vectors
    lengths = np.maximum(np.asarray(collection.counts.sum(axis=1)), 1)
    means = (collection.counts @ weighted) / lengths
    # Arora, Liang and Ma, "A simple but tough-to-beat baseline for sentence embeddings", ICLR 2017: what all
    # texts share says nothing about any one. The projection is linear, so it can be done on the terms.
    shared = np.linalg.eigh(means.T @ means)[1][:, -1:]
    weighted = weighted - (weighted @ shared) @ shared.T
    return VectorScorer(weighted, _unit(collection.counts @ weighted), damped=False)


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
