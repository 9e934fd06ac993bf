import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import InputError
from components.examples import Examples
from components.models.text_search.collection import (
    Collection,
    bm25,
    count_terms,
    read_collection,
    read_queries,
    tfidf,
)

COUNTS = (
    st.integers(1, 12)
    .flatmap(lambda n: st.lists(st.lists(st.integers(0, 7), max_size=20), min_size=n, max_size=n))
    .filter(lambda rows: any(rows))
)


def collection_of(rows: list[list[int]], vocabulary_size: int = 8) -> Collection:
    counts = count_terms([np.array(row, np.int64) for row in rows], vocabulary_size)
    names = np.array([f"d{i}".encode() for i in range(len(rows))], object)
    return Collection(names, names, counts)


def test_bm25_matches_a_computation_by_hand():
    # Three documents of 4, 2 and 3 terms: 3 on average. Term 0 is in two of them, twice in the first.
    weights = bm25(collection_of([[0, 0, 1, 2], [0, 3], [4, 5, 6]]), k1=1.2, b=0.75).toarray()
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    assert weights[0, 0] == pytest.approx(idf * 2 / (2 + 1.2 * (1 - 0.75 + 0.75 * 4 / 3)))
    assert weights[1, 0] == pytest.approx(idf * 1 / (1 + 1.2 * (1 - 0.75 + 0.75 * 2 / 3)))
    assert weights[2, 0] == 0


@given(COUNTS, st.floats(0, 3), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_bm25_matches_the_dense_formula(rows, k1, b):
    collection = collection_of(rows)
    counts = collection.counts.toarray().astype(np.float64)
    n, df, lengths = len(rows), (counts > 0).sum(axis=0), counts.sum(axis=1, keepdims=True)
    idf = np.log(1 + (n - df + 0.5) / (df + 0.5))
    with np.errstate(invalid="ignore"):
        expected = idf * counts / (counts + k1 * (1 - b + b * lengths / lengths.mean()))
    # float32 carries about 7 digits.
    np.testing.assert_allclose(bm25(collection, k1, b).toarray(), np.nan_to_num(expected), rtol=1e-5)


@given(COUNTS)
@settings(max_examples=80, deadline=None)
def test_tfidf_rows_point_where_the_formula_says_and_have_length_1(rows):
    collection = collection_of(rows)
    counts = collection.counts.toarray().astype(np.float64)
    idf = np.log(1 + len(rows) / np.maximum((counts > 0).sum(axis=0), 1))
    expected = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * idf
    lengths = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(tfidf(collection).toarray(), expected / np.maximum(lengths, 1e-12), rtol=1e-5)


def test_weights_leave_the_counts_as_they_are():
    collection = collection_of([[0, 0, 1], [1]])
    bm25(collection, 0.9, 0.4)
    tfidf(collection)
    assert collection.counts.toarray()[0, :2].tolist() == [2, 1]


def test_counts_are_per_text():
    counts = count_terms([np.array([2, 0, 2]), np.array([], np.int64), np.array([1])], 4)
    assert sp.issparse(counts)
    assert counts.toarray().tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [0, 1, 0, 0]]


def test_a_collection_without_terms_is_the_callers_mistake(tmp_path):
    with pytest.raises(InputError, match="0 documents has no search term"):
        read_collection(Examples(str(tmp_path)), 10)


def test_queries_come_with_their_grades(prepared):
    queries = read_queries(prepared.data.transformed, "train")
    assert len(queries) == 3
    assert {b"d2": 2, b"d3": 1} in queries.judgements


def test_a_split_that_is_not_there_has_no_queries(tmp_path):
    assert len(read_queries(Examples(str(tmp_path)), "train")) == 0
