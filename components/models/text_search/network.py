"""The model: scorers over a fixed set of documents.

b: batch of queries, n: documents, v: vocabulary, d: size of an embedding, p: postings, m: distinct pairs of
query and term in a batch. State: 8 bytes a posting, 4 * d * (n + v) bytes for vectors. Scoring a batch takes
4 * b * n bytes for each scorer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# Reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009, use 60; deeper ranks hardly count.
_RRF_K = 60.0
_RRF_DEPTH = 1000


class Bag(NamedTuple):
    """The terms of a batch of queries.

    Attributes:
        rows: Row of the query that each pair belongs to, int64 `[m]`.
        terms: Term id of each pair, int64 `[m]`.
        counts: How often the query has the term, float32 `[m]`.
        batch: Number of queries, int64 scalar.
    """

    rows: tf.Tensor
    terms: tf.Tensor
    counts: tf.Tensor
    batch: tf.Tensor


def bag_of(terms: tf.RaggedTensor, vocabulary_size: int) -> Bag:
    """Count term ids `[b, (terms)]`, int64; ids below 0 stand for unknown terms and are left out."""
    terms = tf.ragged.boolean_mask(terms, terms >= 0)
    codes = terms.value_rowids() * vocabulary_size + terms.flat_values
    codes, _, counts = tf.unique_with_counts(codes)
    return Bag(
        codes // vocabulary_size, codes % vocabulary_size, tf.cast(counts, tf.float32), terms.nrows(tf.int64)
    )


class Scorer(Protocol):
    """Score every document for a batch of queries; a document scored 0 or less is no answer."""

    def scores(self, bag: Bag) -> tf.Tensor:
        """Return float32 `[b, n]`."""

    def embed(self, bag: Bag) -> tf.Tensor:
        """Return the embedding of each query, float32 `[b, d]`."""

    @property
    def dense(self) -> VectorScorer | None:
        """Return what holds an embedding of every document, if anything does."""


class TermScorer(tf.Module):
    """Sum the weights of the terms that a query and a document share, through postings.

    Args:
        offsets: Where the postings of each term start, int64 `[v + 1]`.
        documents: Document of each posting, int32 `[p]`.
        weights: Weight of the term in that document, float32 `[p]`.
        term_weights: Weight of each term in a query, float32 `[v]`.
        count: Number of documents.
        cosine: Damp a query's term counts to `1 + log(count)` and scale its vector to length 1; otherwise
            counts multiply the term weights.
    """

    def __init__(
        self,
        offsets: NDArray[Any],
        documents: NDArray[Any],
        weights: NDArray[Any],
        term_weights: NDArray[Any],
        count: int,
        cosine: bool,
    ) -> None:
        super().__init__()
        self.offsets = state(offsets, tf.int64)
        self.documents = state(documents, tf.int32)
        self.weights = state(weights, tf.float32)
        self.term_weights = state(term_weights, tf.float32)
        self.count = count
        self.cosine = cosine

    def scores(self, bag: Bag) -> tf.Tensor:
        """Return float32 `[b, n]`; 0 where no term is shared."""
        weights = self._query_weights(bag)
        ends = tf.RaggedTensor.from_value_rowids(bag.terms, bag.rows, bag.batch).row_splits
        # Query by query: common terms have long postings, and those of a whole batch may not fit in memory.
        return tf.map_fn(
            lambda i: self._row(bag.terms[ends[i] : ends[i + 1]], weights[ends[i] : ends[i + 1]]),
            tf.range(bag.batch),
            fn_output_signature=tf.TensorSpec([self.count], tf.float32),
        )

    def embed(self, bag: Bag) -> tf.Tensor:
        """Return the query's weight for every term of the vocabulary, float32 `[b, v]`."""
        shape = tf.stack([bag.batch, self.term_weights.shape[0]])
        return tf.scatter_nd(tf.stack([bag.rows, bag.terms], axis=1), self._query_weights(bag), shape)

    @property
    def dense(self) -> VectorScorer | None:
        """Return None: a document's vector is as long as the vocabulary."""
        return None

    def _row(self, terms: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        postings = tf.ragged.range(tf.gather(self.offsets, terms), tf.gather(self.offsets, terms + 1))
        products = tf.gather(self.weights, postings.flat_values) * tf.gather(weights, postings.value_rowids())
        documents = tf.gather(self.documents, postings.flat_values)
        return tf.math.unsorted_segment_sum(products, documents, self.count)

    def _query_weights(self, bag: Bag) -> tf.Tensor:
        weights = tf.gather(self.term_weights, bag.terms)
        if not self.cosine:
            return weights * bag.counts
        weights *= 1.0 + tf.math.log(bag.counts)
        length = tf.sqrt(tf.math.unsorted_segment_sum(tf.square(weights), bag.rows, bag.batch))
        return tf.math.divide_no_nan(weights, tf.gather(length, bag.rows))


class VectorScorer(tf.Module):
    """Compare embeddings by their cosine; a query's embedding is the sum of its terms' vectors, of length 1.

    Args:
        term_vectors: float32 `[v, d]`, the weight of each term multiplied in.
        document_vectors: float32 `[n, d]`, each of length 1 or 0.
        damped: A repeated term counts `1 + log(count)` times instead of `count` times.
    """

    def __init__(self, term_vectors: NDArray[Any], document_vectors: NDArray[Any], damped: bool) -> None:
        super().__init__()
        self.term_vectors = state(term_vectors, tf.float32)
        self.document_vectors = state(document_vectors, tf.float32)
        self.damped = damped

    def scores(self, bag: Bag) -> tf.Tensor:
        """Return the cosine with every document, float32 `[b, n]`; 0 for a query without known terms."""
        return tf.matmul(self.embed(bag), self.document_vectors, transpose_b=True)

    def embed(self, bag: Bag) -> tf.Tensor:
        """Return float32 `[b, d]`, each of length 1, or 0 for a query without known terms."""
        counts = 1.0 + tf.math.log(bag.counts) if self.damped else bag.counts
        vectors = tf.gather(self.term_vectors, bag.terms) * counts[:, tf.newaxis]
        return tf.math.l2_normalize(tf.math.unsorted_segment_sum(vectors, bag.rows, bag.batch), axis=1)

    @property
    def dense(self) -> VectorScorer | None:
        """Return this scorer."""
        return self


class FusedScorer(tf.Module):
    """Add up what several scorers say, each brought to a common scale first.

    Args:
        scorers: Two or more.
        method: `score`: each query's scores are stretched to 0..1; `rrf`: a document counts 1 / (60 + rank)
            where the scorer gives it more than 0.
        weights: One for each scorer.
        embedder: Index of the scorer whose embeddings `embed` returns.
    """

    def __init__(
        self,
        scorers: Sequence[TermScorer | VectorScorer],
        method: str,
        weights: Sequence[float],
        embedder: int,
    ) -> None:
        super().__init__()
        self.scorers = list(scorers)
        self.weights = state(np.asarray(weights), tf.float32)
        self.method = method
        self.embedder = embedder

    def parts(self, bag: Bag) -> list[tf.Tensor]:
        """Return the scaled scores of each scorer, a list of float32 `[b, n]`."""
        scale = reciprocal_ranks if self.method == "rrf" else min_max
        return [scale(scorer.scores(bag)) for scorer in self.scorers]

    def scores(self, bag: Bag) -> tf.Tensor:
        """Return the weighted sum, float32 `[b, n]`."""
        return tf.add_n([self.weights[i] * part for i, part in enumerate(self.parts(bag))])

    def embed(self, bag: Bag) -> tf.Tensor:
        """Return the embedding by the one scorer chosen for it, float32 `[b, d]`."""
        return self.scorers[self.embedder].embed(bag)

    @property
    def dense(self) -> VectorScorer | None:
        """Return the scorer that embeds, if it embeds documents too."""
        return self.scorers[self.embedder].dense


def min_max(scores: tf.Tensor) -> tf.Tensor:
    """Stretch each row of `[b, n]` to 0..1; a row of equal scores becomes 0."""
    low = tf.reduce_min(scores, axis=1, keepdims=True)
    return tf.math.divide_no_nan(scores - low, tf.reduce_max(scores, axis=1, keepdims=True) - low)


def reciprocal_ranks(scores: tf.Tensor) -> tf.Tensor:
    """Give the 1,000 highest scores above 0 in each row of `[b, n]` 1 / (60 + rank), the others 0."""
    size = tf.shape(scores, out_type=tf.int64)
    values, documents = tf.math.top_k(scores, min(_RRF_DEPTH, scores.shape[1]))
    share = 1.0 / (_RRF_K + tf.range(1.0, values.shape[1] + 1.0))
    share = tf.where(values > 0.0, share, 0.0)
    cells = tf.range(size[0])[:, tf.newaxis] * size[1] + tf.cast(documents, tf.int64)
    return tf.reshape(tf.math.unsorted_segment_sum(share, cells, size[0] * size[1]), size)


def state(values: NDArray[Any], dtype: tf.DType) -> tf.Variable:
    """Return `values` as a part of the served model that nothing trains."""
    return tf.Variable(tf.convert_to_tensor(values, dtype), trainable=False)
