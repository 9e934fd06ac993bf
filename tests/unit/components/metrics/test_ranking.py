import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.metrics import ranking

QRELS = {"q": {"a": 2, "b": 1, "c": 1}}


def test_values_match_a_computation_by_hand():
    run = {"q": ranking.ranking(["x", "a", "y", "c"])}
    values = ranking.evaluate(QRELS, run)
    gain = 2 / math.log2(3) + 1 / math.log2(5)
    ideal = 2 + 1 / math.log2(3) + 1 / math.log2(4)
    assert values["ndcg@10"] == pytest.approx(gain / ideal)
    assert values["map@100"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert values["recall@100"] == pytest.approx(2 / 3)
    assert values["mrr@100"] == pytest.approx(1 / 2)


def test_depth_names_the_metrics_and_cuts_the_run():
    values = ranking.evaluate(QRELS, {"q": ranking.ranking(["x", "a"])}, depth=1)
    assert set(values) == {"ndcg@10", "map@1", "recall@1", "mrr@1"}
    assert values["recall@1"] == values["map@1"] == values["mrr@1"] == 0


def test_a_query_without_answers_counts_as_zero():
    run = {"q": ranking.ranking(["a", "b", "c"])}
    values = ranking.per_query({**QRELS, "unanswered": {"a": 1}}, run)
    assert values["ndcg@10"] == {"q": pytest.approx(1.0), "unanswered": 0.0}
    assert ranking.mean(values)["recall@100"] == pytest.approx(0.5)


def test_answers_to_queries_without_judgements_are_ignored():
    run = {"q": ranking.ranking(["a"]), "other": ranking.ranking(["a"])}
    assert set(ranking.per_query(QRELS, run)["map@100"]) == {"q"}


def test_a_query_with_only_irrelevant_judgements_is_zero():
    assert ranking.evaluate({"q": {"a": 0}}, {"q": ranking.ranking(["a"])})["ndcg@10"] == 0


def test_no_queries_give_zeros():
    assert set(ranking.evaluate({}, {}).values()) == {0.0}


def test_the_order_that_was_served_is_measured_even_among_equal_scores():
    # trec_eval alone would put "z" before "a" if both had the same score.
    qrels = {"q": {"a": 1}}
    assert ranking.evaluate(qrels, {"q": ranking.ranking(["a", "z"])})["mrr@100"] == 1.0
    assert ranking.evaluate(qrels, {"q": {"a": 1.0, "z": 1.0}})["mrr@100"] == 0.5


def test_padding_is_no_answer():
    assert ranking.ranking(["b", "a", "", ""]) == {"b": 2.0, "a": 1.0}


@given(
    st.permutations(list("abcdefgh")),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3), min_size=1),
)
@settings(max_examples=60, deadline=None)
def test_metrics_lie_between_0_and_1_and_the_ideal_order_reaches_ndcg_1(order, grades):
    qrels = {"q": grades}
    assert all(
        0 <= value <= 1 + 1e-9 for value in ranking.evaluate(qrels, {"q": ranking.ranking(order)}).values()
    )
    ideal = ranking.ranking(sorted(order, key=lambda name: -grades.get(name, 0)))
    if max(grades.values()) > 0:
        assert ranking.evaluate(qrels, {"q": ideal})["ndcg@10"] == pytest.approx(1.0)
