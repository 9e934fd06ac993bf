from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from components.gateway.catalogue import Event, Item
from components.gateway.reasons import Reason, liked, matches, similar_to
from components.gateway.rerank import by_categories, maximal_marginal_relevance

VECTORS = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 8), st.just(3)), elements=st.floats(-1, 1, width=32)
)


@given(VECTORS, st.floats(0, 1), st.data())
def test_order_holds_every_candidate_once(vectors, diversity, data):
    scores = data.draw(st.lists(st.floats(-1e9, 1e9), min_size=len(vectors), max_size=len(vectors)))
    order = maximal_marginal_relevance(scores, vectors, diversity)
    assert sorted(order) == list(range(len(vectors)))


@given(VECTORS, st.data())
def test_without_diversity_the_scores_decide(vectors, data):
    numbers = st.integers(-1000, 1000)
    scores = data.draw(st.lists(numbers, min_size=len(vectors), max_size=len(vectors), unique=True))
    order = maximal_marginal_relevance(scores, vectors, 0.0)
    assert [scores[row] for row in order] == sorted(scores, reverse=True)


def test_repetition_gives_way_to_something_else():
    vectors = np.array([[1, 0], [1, 0.01], [0, 1]], np.float32)
    assert maximal_marginal_relevance([3.0, 2.9, 2.0], vectors, 0.6) == [0, 2, 1]


def test_reference_of_a_naive_implementation_is_met():
    rng = np.random.default_rng(3)
    vectors, scores = rng.normal(size=(12, 4)).astype(np.float32), rng.normal(size=12)
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    chosen: list[int] = []
    while len(chosen) < 12:

        def value(row):
            like = max((float(units[row] @ units[other]) for other in chosen), default=0.0)
            return 0.6 * relevance[row] - 0.4 * like

        chosen.append(max((row for row in range(12) if row not in chosen), key=value))
    assert maximal_marginal_relevance(scores.tolist(), vectors, 0.4) == chosen


def test_scores_that_are_no_numbers_break_nothing():
    scores = [float("inf"), float("nan"), float("-inf"), 1.0]
    assert sorted(maximal_marginal_relevance(scores, np.zeros((4, 2), np.float32), 0.5)) == [0, 1, 2, 3]


def test_categories_stand_in_for_vectors():
    found = by_categories([frozenset({"a", "b"}), frozenset(), frozenset({"b"})])
    assert found.tolist() == [[1, 1], [0, 0], [0, 1]]
    assert by_categories([]).shape == (0, 0)


def event(item: str, value: float | None, number: int = 0) -> Event:
    return Event(number, item, "rating", value, 0)


def test_liked_is_what_was_rated_no_worse_than_the_users_mean():
    history = [event("a", 5.0), event("b", 1.0), event("c", 3.0), event("a", 4.0), event("d", None)]
    assert liked(history) == ["a", "d"]
    assert liked([]) == []


def test_reason_is_the_nearest_other_item_that_was_liked():
    vectors = np.array([[1, 0.1], [0, -1], [0, 1]], np.float32)
    mine = np.array([[1, 0], [0, 1]], np.float32)
    assert similar_to(["x", "y", "b"], vectors, ["a", "b"], mine) == [
        Reason("similar_to", "a"),
        Reason("popular"),
        Reason("popular"),
    ]


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("Vitamin deficiency", ("vitamin", "deficiency")),
        ("vitamins causing", ("vitamins", "causing")),
        ("absent", None),
        ("D", ("d",)),
        ("what does the vitamin do", ("vitamin",)),
        ("its", ("its",)),
    ],
)
def test_terms_are_the_words_that_title_or_text_has(query, terms):
    item = Item("1", "Vitamin D", {"text": "Its deficiency causes harm.", "year": 3})
    assert matches(query, [item, None]) == [Reason("matches", terms=terms) if terms else None, None]
