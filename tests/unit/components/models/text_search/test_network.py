import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.models.text_search.network import (
    FusedScorer,
    TermScorer,
    VectorScorer,
    bag_of,
    min_max,
    reciprocal_ranks,
)

N, V, D = 9, 12, 5
QUERIES = st.lists(st.lists(st.integers(-1, V - 1), max_size=10), max_size=5)


def bag(queries: list[list[int]]):
    return bag_of(tf.ragged.constant(queries, tf.int64, 1), V)


def dense_counts(queries: list[list[int]]) -> np.ndarray:
    counts = np.zeros((len(queries), V))
    for row, query in enumerate(queries):
        for term in query:
            if term >= 0:
                counts[row, term] += 1
    return counts


def term_scorer(seed: int, cosine: bool) -> tuple[TermScorer, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    weights = random.random((N, V)) * (random.random((N, V)) < 0.4)
    term_weights = random.random(V)
    by_term = sp.csc_matrix(weights)
    scorer = TermScorer(by_term.indptr, by_term.indices, by_term.data, term_weights, N, cosine)
    return scorer, weights, term_weights


@given(QUERIES)
@settings(max_examples=60, deadline=None)
def test_a_bag_counts_known_terms_by_query(queries):
    found = bag(queries)
    counts = np.zeros((len(queries), V))
    counts[found.rows.numpy(), found.terms.numpy()] = found.counts.numpy()
    np.testing.assert_array_equal(counts, dense_counts(queries))
    assert found.batch.numpy() == len(queries)


@given(QUERIES, st.integers(0, 1000), st.booleans())
@settings(max_examples=80, deadline=None)
def test_postings_give_what_the_dense_product_gives(queries, seed, cosine):
    scorer, weights, term_weights = term_scorer(seed, cosine)
    counts = dense_counts(queries)
    vectors = counts * term_weights
    if cosine:
        vectors = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * term_weights
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    # Sums of at most 10 float32 products.
    np.testing.assert_allclose(scorer.embed(bag(queries)), vectors, atol=1e-5)
    np.testing.assert_allclose(scorer.scores(bag(queries)), vectors @ weights.T, atol=1e-5)


@given(QUERIES, st.integers(0, 1000), st.booleans())
@settings(max_examples=60, deadline=None)
def test_vectors_are_compared_by_their_cosine(queries, seed, damped):
    random = np.random.default_rng(seed)
    terms, documents = random.normal(size=(V, D)), random.normal(size=(N, D))
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    counts = dense_counts(queries)
    if damped:
        counts = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0)
    vectors = counts @ terms
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scorer = VectorScorer(terms, documents, damped)
    np.testing.assert_allclose(scorer.embed(bag(queries)), vectors, atol=1e-4)
    np.testing.assert_allclose(scorer.scores(bag(queries)), vectors @ documents.T, atol=1e-4)


def test_a_query_without_known_terms_scores_0_everywhere():
    scorer = VectorScorer(np.ones((V, D)), np.ones((N, D)) / D**0.5, damped=True)
    assert not scorer.scores(bag([[-1], []])).numpy().any()


def test_min_max_stretches_each_row_and_flattens_equal_scores():
    scaled = min_max(tf.constant([[1.0, 3.0, 2.0], [-5.0, -5.0, -5.0]])).numpy()
    assert scaled.tolist() == [[0.0, 1.0, 0.5], [0.0, 0.0, 0.0]]


def test_reciprocal_ranks_count_scores_above_0_only():
    scaled = reciprocal_ranks(tf.constant([[0.5, 0.0, 2.0, -1.0], [0.0, 0.0, 0.0, 0.0]])).numpy()
    np.testing.assert_allclose(scaled, [[1 / 62, 0, 1 / 61, 0], [0, 0, 0, 0]], rtol=1e-6)


def test_reciprocal_ranks_stop_at_1000():
    scaled = reciprocal_ranks(tf.range(1500, 0, -1, tf.float32)[tf.newaxis]).numpy()[0]
    assert np.count_nonzero(scaled) == 1000
    assert scaled[999] == pytest.approx(1 / 1060)


@pytest.mark.parametrize(("method", "scale"), [("score", min_max), ("rrf", reciprocal_ranks)])
def test_a_fusion_is_the_weighted_sum_of_the_scaled_scores(method, scale):
    one, two = term_scorer(1, cosine=True)[0], term_scorer(2, cosine=False)[0]
    fusion = FusedScorer([one, two], method, [2.0, 0.5], embedder=1)
    query = bag([[0, 1, 1, 5], [3]])
    expected = 2.0 * scale(one.scores(query)) + 0.5 * scale(two.scores(query))
    np.testing.assert_allclose(fusion.scores(query), expected, rtol=1e-6)
    np.testing.assert_array_equal(fusion.embed(query), two.embed(query))
