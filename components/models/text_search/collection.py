"""The documents and queries as Transform wrote them, and term weights over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import tensorflow as tf
from numpy.typing import NDArray

from components.errors import InputError
from components.examples import Examples


@dataclass(frozen=True)
class Collection:
    """The documents.

    Attributes:
        ids: Bytes `[n]`.
        titles: Bytes `[n]`, empty where a document has none.
        counts: How often each document has each term, float32 `[n, v]`, compressed rows.
    """

    ids: NDArray[Any]
    titles: NDArray[Any]
    counts: sp.csr_matrix

    @property
    def document_frequencies(self) -> NDArray[Any]:
        """Return the number of documents with each term, `[v]`."""
        return np.bincount(self.counts.indices, minlength=self.counts.shape[1])

    @property
    def idf(self) -> NDArray[Any]:
        """Return `log(1 + n / df)` of each term, float32 `[v]`; above 0 even for a single document."""
        ratio = self.counts.shape[0] / np.maximum(self.document_frequencies, 1)
        return np.log1p(ratio).astype(np.float32)


@dataclass(frozen=True)
class Queries:
    """Queries with their judgements.

    Attributes:
        terms: Term ids of each query, a list of int64 arrays.
        judgements: Document id -> grade, for each query.
    """

    terms: list[NDArray[Any]]
    judgements: list[dict[bytes, int]]

    def __len__(self) -> int:
        return len(self.terms)


def read_collection(examples: Examples, vocabulary_size: int) -> Collection:
    """Read the split `corpus` of the transformed examples.

    Raises:
        InputError: There is no document or no document has a term.
    """
    columns = examples.scalars("corpus", id=tf.string, title=tf.string)
    terms = examples.lists("corpus", terms=tf.int64)["terms"]
    if not sum(map(len, terms)):
        raise InputError(
            f"The collection of {len(terms)} documents has no search term.",
            cure="Give documents with text; check `transform.stop_words` and `min_document_frequency`.",
        )
    return Collection(columns["id"], columns["title"], count_terms(terms, vocabulary_size))


def read_queries(examples: Examples, split: str) -> Queries:
    """Read the queries of a split of the transformed examples; an empty split gives no queries."""
    terms = examples.lists(split, terms=tf.int64)["terms"]
    judged = examples.lists(split, relevant_ids=tf.string, relevant_grades=tf.int64)
    pairs = zip(judged["relevant_ids"], judged["relevant_grades"], strict=True)
    return Queries(terms, [dict(zip(ids.tolist(), grades.tolist(), strict=True)) for ids, grades in pairs])


def count_terms(terms: list[NDArray[Any]], vocabulary_size: int) -> sp.csr_matrix:
    """Return how often each text has each term, float32 `[len(terms), vocabulary_size]`."""
    ends = np.cumsum([0, *map(len, terms)])
    columns = np.concatenate(terms).astype(np.int32)
    shape = (len(terms), vocabulary_size)
    counts = sp.csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=shape)
    counts.sum_duplicates()
    return counts


def tfidf(collection: Collection) -> sp.csr_matrix:
    """Return `(1 + log tf) * idf` with rows of length 1, float32 `[n, v]`."""
    weights = collection.counts.copy()
    weights.data = (1 + np.log(weights.data)) * collection.idf[weights.indices]
    lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    weights.data /= np.repeat(lengths, np.diff(weights.indptr)).astype(np.float32)
    return weights


def bm25(collection: Collection, k1: float, b: float) -> sp.csr_matrix:
    """Return Okapi BM25's weight of each term in each document, float32 `[n, v]`.

    `idf * tf / (tf + k1 * (1 - b + b * length / mean length))`, `idf = log(1 + (n - df + .5) / (df + .5))`,
    as in Lucene (without the constant factor k1 + 1, which changes no order).
    """
    weights = collection.counts.copy()
    n, frequencies = weights.shape[0], collection.document_frequencies
    idf = np.log1p((n - frequencies + 0.5) / (frequencies + 0.5))
    lengths = np.asarray(weights.sum(axis=1)).ravel()
    damping = k1 * (1 - b + b * lengths / lengths.mean())
    counts = weights.data
    saturated = counts / (counts + np.repeat(damping, np.diff(weights.indptr)))
    weights.data = (idf[weights.indices] * saturated).astype(np.float32)
    return weights
