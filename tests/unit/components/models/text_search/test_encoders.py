import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.models.text_search import encoders
from components.models.text_search.collection import Collection, count_terms, tfidf
from components.models.text_search.network import FusedScorer, TermScorer, VectorScorer, bag_of

from .conftest import configured

V = 20


class Vectors:
    """Word vectors that are drawn, in the place of a file."""

    def of_terms(self) -> np.ndarray:
        return np.random.default_rng(3).normal(loc=1.0, size=(V, 6)).astype(np.float32)


def random_collection(n: int, seed: int = 0) -> Collection:
    random = np.random.default_rng(seed)
    rows = [random.integers(0, V, random.integers(3, 15)) for _ in range(n)]
    names = np.array([f"d{i}".encode() for i in range(n)], object)
    return Collection(names, names, count_terms(rows, V))


def fit(collection: Collection, **train):
    return encoders.fit(configured(train=train).train, collection, Vectors())


def query(*terms: int):
    return bag_of(tf.ragged.constant([list(terms)], tf.int64, 1), V)


def test_lsa_with_all_dimensions_ranks_as_tfidf_does():
    # Projecting on the whole row space changes no inner product between documents.
    collection = random_collection(12)
    lsa, plain = fit(collection, encoder="lsa", dimensions=11), fit(collection, encoder="tfidf")
    document = tf.ragged.constant([np.repeat(*counts_of(collection, 4)).tolist()], tf.int64, 1)
    scores = lsa.scores(bag_of(document, V)).numpy()[0], plain.scores(bag_of(document, V)).numpy()[0]
    assert scores[0].argmax() == scores[1].argmax() == 4
    np.testing.assert_allclose(*scores, atol=0.1)


def counts_of(collection: Collection, row: int) -> tuple[np.ndarray, np.ndarray]:
    found = collection.counts[row]
    return found.indices, found.data.astype(int)


def test_axes_span_what_an_exact_svd_spans():
    rows = tfidf(random_collection(40))
    axes = encoders.principal_axes(rows, 5, 1000, seed=1)
    exact = np.linalg.svd(rows.toarray())[2][:5].T
    # Equal projections, whatever the signs; the randomised SVD is good to a few per cent here.
    captured = np.linalg.norm(rows @ axes) / np.linalg.norm(rows @ exact)
    assert captured == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(axes.T @ axes, np.eye(5), atol=1e-4)


@given(st.integers(1, 9), st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_dimensions_are_capped_by_the_collection(n, dimensions):
    collection = random_collection(n)
    scorer = fit(collection, encoder="lsa", dimensions=dimensions)
    assert scorer.document_vectors.shape == [n, max(1, min(dimensions, n - 1, V - 1))]
    assert np.isfinite(scorer.document_vectors.numpy()).all()


def test_a_large_collection_is_represented_by_a_sample():
    rows = tfidf(random_collection(60))
    sampled = encoders.principal_axes(rows, 4, 30, seed=1)
    np.testing.assert_array_equal(sampled, encoders.principal_axes(rows, 4, 30, seed=1))
    assert not np.allclose(sampled, encoders.principal_axes(rows, 4, 30, seed=2))
    assert not np.allclose(sampled, encoders.principal_axes(rows, 4, 60, seed=1))


def test_glove_removes_what_all_documents_share():
    collection = random_collection(30)
    vectors = Vectors().of_terms()
    scorer = fit(collection, encoder="glove")
    means = collection.counts @ (collection.idf[:, None] * vectors)
    means /= np.asarray(collection.counts.sum(axis=1))
    shared = np.linalg.svd(means)[2][0]
    np.testing.assert_allclose(scorer.document_vectors.numpy() @ shared, 0, atol=1e-4)
    np.testing.assert_allclose(scorer.term_vectors.numpy() @ shared, 0, atol=1e-4)


def test_a_document_is_most_like_itself_under_every_encoder():
    collection = random_collection(25, seed=5)
    terms = tf.ragged.constant(
        [np.repeat(*counts_of(collection, i)).tolist() for i in range(25)], tf.int64, 1
    )
    for encoder in ("tfidf", "glove", "lsa"):
        scores = fit(collection, encoder=encoder, dimensions=10).scores(bag_of(terms, V)).numpy()
        np.testing.assert_allclose(np.diag(scores), 1, atol=1e-4)
        assert scores.max() <= 1 + 1e-4


def test_a_document_without_terms_is_never_an_answer():
    rows = [np.array([1, 2]), np.array([], np.int64), np.array([2, 3])]
    names = np.array([b"a", b"b", b"c"], object)
    collection = Collection(names, names, count_terms(rows, V))
    for encoder in ("tfidf", "bm25", "glove", "lsa"):
        assert fit(collection, encoder=encoder).scores(query(1, 2, 3)).numpy()[0, 1] == 0


def test_a_fusion_holds_the_encoders_it_names_and_embeds_with_the_first_dense_one():
    scorer = fit(
        random_collection(9),
        encoder="fused",
        fuse=["bm25", "tfidf", "glove", "lsa"],
        weights=[1, 0.5, 0.25, 2],
    )
    assert isinstance(scorer, FusedScorer)
    assert [type(part) for part in scorer.scorers] == [TermScorer, TermScorer, VectorScorer, VectorScorer]
    assert scorer.weights.numpy().tolist() == [1, 0.5, 0.25, 2]
    assert scorer.embed(query(1)).shape == [1, 6]


def test_postings_hold_every_weight_once():
    collection = random_collection(14)
    scorer = fit(collection, encoder="bm25")
    ends, documents = scorer.offsets.numpy(), scorer.documents.numpy()
    rebuilt = sp.csc_matrix((scorer.weights.numpy(), documents, ends), shape=(14, V))
    assert (rebuilt.toarray() > 0).tolist() == (collection.counts.toarray() > 0).tolist()
