import logging

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.retrieval.build import IndexOptions, build
from components.retrieval.top_k import PADDING_SCORE

from .conftest import COUNT, WIDTH, clustered

KINDS = ("exact", "ivf", "quantized")
INVERTED = KINDS[1:]


def truth(vectors, queries, k: int, allowed=None) -> list[list[int]]:
    """Return the best rows of each query by plain numpy."""
    scores = queries @ vectors.numpy().T
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return [[row for row in best if mine[row] > -np.inf] for best, mine in zip(order, scores, strict=True)]


def recall(found, expected) -> float:
    pairs = zip(found.rows.numpy(), expected, strict=True)
    return float(np.mean([len({*map(int, one)} & {*other}) / len(other) for one, other in pairs]))


@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_as_many_neighbours_as_it_was_built_for(indices, vectors, kind):
    fresh = clustered(256, seed=2)
    found = indices[kind].search(tf.constant(fresh), 10, None)
    assert recall(found, truth(vectors, fresh, 10)) >= (1.0 if kind == "exact" else 0.95)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_the_inner_products_in_full_precision_and_fall(indices, vectors, queries, kind):
    found = indices[kind].search(tf.constant(queries), 10, None)
    expected = np.einsum("qd,qkd->qk", queries, vectors.numpy()[found.rows.numpy()])
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-4)
    assert (np.diff(found.scores.numpy(), axis=1) <= 0).all()


@pytest.mark.parametrize("kind", INVERTED)
def test_a_request_for_all_cells_is_answered_exactly(indices, vectors, queries, kind):
    probes = tf.constant([-1, 10_000] * (len(queries) // 2))
    found = indices[kind].search(tf.constant(queries), 10, None, probes)
    assert recall(found, truth(vectors, queries, 10)) == 1.0


@pytest.mark.parametrize("kind", INVERTED)
def test_more_cells_never_find_less(indices, vectors, queries, kind):
    expected = truth(vectors, queries, 10)
    several = [
        recall(
            indices[kind].search(tf.constant(queries), 10, None, tf.fill([len(queries)], probes)), expected
        )
        for probes in (1, 2, 4, 8)
    ]
    assert several == sorted(several)
    assert several[0] < several[-1]


@pytest.mark.parametrize("kind", INVERTED)
def test_each_row_has_its_own_number_of_cells(indices, queries, kind):
    index, asked = indices[kind], tf.constant(queries[:3])
    together = index.search(asked, 10, None, tf.constant([1, 8, -1]))
    for row, probes in enumerate((1, 8, -1)):
        alone = index.search(asked[row : row + 1], 10, None, tf.constant([probes]))
        assert alone.rows.numpy()[0].tolist() == together.rows.numpy()[row].tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_excluded_candidates_are_replaced_by_the_next_best(indices, queries, request_of, kind):
    index, asked = indices[kind], tf.constant(queries[:4])
    wide = index.search(asked, 40, None).rows.numpy()
    excluded = [wide[0, :15].tolist(), [], wide[2, 1:3].tolist(), [10**6]]
    found = index.search(asked, 10, request_of(excluded, [[""]] * 4)).rows.numpy()
    for row, left_out in enumerate(excluded):
        assert found[row].tolist() == [one for one in wide[row] if one not in left_out][:10]


@pytest.mark.parametrize("kind", KINDS)
def test_a_category_that_few_are_in_is_searched_until_all_are_found(
    indices, vectors, queries, request_of, kind
):
    names = [["rare"], [""], ["odd", "rare"], ["nowhere"]]
    found = indices[kind].search(tf.constant(queries[:4]), 20, request_of([[]] * 4, names))
    rows, number = found.rows.numpy(), np.arange(COUNT)
    rare = truth(vectors, queries[:1], 20, number % 170 == 3)[0]
    assert [row for row in rows[0] if row >= 0] == rare
    assert (found.scores.numpy()[0, len(rare) :] == PADDING_SCORE).all()
    assert (rows[1] >= 0).all()
    assert (rows[2] % 2 == 1).all()
    assert (rows[3] == -1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_batch_has_no_rows(indices, request_of, kind):
    nobody = tf.zeros([0, WIDTH])
    assert indices[kind].search(nobody, 10, None).rows.shape == (0, 10)


@pytest.mark.parametrize("kind", INVERTED)
def test_a_batch_of_any_size_is_answered_as_its_rows_are(indices, kind):
    many = clustered(700, seed=3)
    found = indices[kind].search(tf.constant(many), 5, None).rows.numpy()
    for row in (0, 350, 699):
        alone = indices[kind].search(tf.constant(many[row : row + 1]), 5, None).rows.numpy()
        assert alone[0].tolist() == found[row].tolist()


@given(
    count=st.integers(1, 60),
    cells=st.integers(1, 60),
    k=st.integers(1, 20),
    quantized=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_small_collections_are_searched_in_full(count, cells, k, quantized, seed):
    # Equal and zero vectors among them, more cells than vectors, longer answers than candidates.
    random = np.random.default_rng(seed)
    values = random.integers(-2, 3, (count, 3)).astype(np.float32)
    table = tf.Variable(values)
    index = build(table, values[:0], IndexOptions("ivf", quantized, cells=cells, seed=seed))
    k = min(k, count)
    found = index.search(tf.constant(values[:5]), k, None)
    best = np.sort(values[:5] @ values.T, axis=1)[:, ::-1][:, :k]
    assert (found.rows.numpy() >= 0).all()
    if index.n_probe > index.count // 8:
        np.testing.assert_allclose(found.scores, best, atol=1e-5)


def test_the_same_seed_gives_the_same_index(vectors, queries):
    one, two = (build(vectors, queries, IndexOptions("ivf", cells=64, seed=5)) for _ in range(2))
    assert np.array_equal(one.lists.rows.numpy(), two.lists.rows.numpy())
    assert one.n_probe == two.n_probe


def test_every_vector_is_in_one_cell(indices):
    rows = indices["ivf"].lists.rows.numpy()
    assert sorted(rows[rows >= 0].tolist()) == list(range(COUNT))


def test_an_index_that_does_not_pay_says_so_and_stays_exact(caplog):
    shapeless = tf.Variable(np.random.default_rng(0).standard_normal((500, 48)).astype(np.float32))
    with caplog.at_level(logging.WARNING, logger="components.retrieval.build"):
        index = build(
            shapeless, np.zeros((0, 48), np.float32), IndexOptions("ivf", cells=32, min_recall=0.99)
        )
    assert "scores all 500 candidates instead" in caplog.text
    asked = np.random.default_rng(1).standard_normal((8, 48)).astype(np.float32)
    assert recall(index.search(tf.constant(asked), 10, None), truth(shapeless, asked, 10)) == 1.0


def test_eight_bits_take_a_quarter_of_the_memory(indices):
    full, small = indices["ivf"].lists.vectors, indices["quantized"].lists.codes
    assert small.numpy().nbytes * 4 == full.numpy().nbytes


def test_searched_cells_hold_more_candidates_than_an_answer_has():
    values = np.random.default_rng(3).normal(size=(6000, 8)).astype(np.float32)
    vectors = tf.Variable(values, trainable=False)
    short, long = (
        build(vectors, values[:64], IndexOptions("ivf", min_recall=0.1, answer=length)) for length in (1, 100)
    )
    assert short.n_probe < long.n_probe
    assert long.n_probe * len(values) / long.count >= 200
