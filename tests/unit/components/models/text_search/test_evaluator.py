import math

import pytest
import tensorflow as tf

from components.errors import InputError
from components.models.text_search import evaluator, trainer

from .conftest import EVAL, configured, search

METRICS = {"ndcg@10", "map@100", "recall@100", "mrr@100"}


@pytest.fixture(scope="module")
def scores(model, prepared):
    return evaluator.evaluate(model, prepared.data, configured())


def test_the_candidate_and_the_baseline_have_the_same_metrics(scores, prepared):
    assert set(scores.metrics) == set(evaluator.baseline(prepared.data, configured()).metrics) == METRICS


def test_ndcg_is_that_of_the_served_answers_to_the_eval_queries(scores, model):
    total = 0.0
    for query in EVAL:
        grades = dict(zip(query["relevant_ids"], query["relevant_grades"], strict=True))
        (answer,) = search(model, query["text"])
        gain = sum(grades.get(name, 0) / math.log2(rank + 2) for rank, name in enumerate(answer[:10]))
        ideal = sum(g / math.log2(r + 2) for r, g in enumerate(sorted(grades.values(), reverse=True)))
        total += gain / ideal
    assert scores.metrics["ndcg@10"] == pytest.approx(total / len(EVAL))


def test_a_query_that_finds_nothing_counts_as_0(scores):
    # "unheard-of xylophones" has no known term; the three others find their document.
    assert scores.metrics["recall@100"] == pytest.approx(3 / 4)


def test_slices_are_by_query_length_and_hold_every_query_once(scores):
    counts = {name: values["count"] for name, values in scores.slices.items()}
    assert counts == {"query length in words: 1-5": 3, "query length in words: 11+": 1}
    mean = sum(values["count"] * values["ndcg@10"] for values in scores.slices.values()) / len(EVAL)
    assert mean == pytest.approx(scores.metrics["ndcg@10"])


def test_the_length_of_an_answer_names_the_depth(prepared):
    found = evaluator.baseline(prepared.data, configured(serve={"top_k": 3}))
    assert set(found.metrics) == {"ndcg@10", "map@3", "recall@3", "mrr@3"}


def test_the_baseline_is_tfidf_whatever_the_encoder(prepared):
    of_glove = evaluator.baseline(prepared.data, configured(train={"encoder": "glove"}))
    assert of_glove == evaluator.baseline(prepared.data, configured(train={"encoder": "tfidf"}))


@pytest.mark.parametrize("quantized", [False, True], ids=["full", "quantized"])
def test_an_index_of_the_embeddings_is_measured_against_an_exact_search(prepared, tmp_path, quantized):
    index = {"kind": "ivf", "quantized": quantized, "cells": 4}
    settings = configured(train={"encoder": "lsa", "dimensions": 5}, serve={"index": index})
    trainer.run_fn(prepared.fn_args(settings, tmp_path))
    model = tf.saved_model.load(str(tmp_path / "serving"))
    found = evaluator.evaluate(model, prepared.data, settings).metrics
    assert found["index_recall@10"] == 1.0
    assert found["index_p50_ms"] > 0 and found["exact_p50_ms"] > 0
    exact = configured(train={"encoder": "lsa", "dimensions": 5})
    trainer.run_fn(prepared.fn_args(exact, tmp_path / "exact"))
    plain = tf.saved_model.load(str(tmp_path / "exact" / "serving"))
    assert search(model, "heart disease", "vitamin", "") == search(plain, "heart disease", "vitamin", "")


def test_an_encoder_with_postings_refuses_an_index_of_vectors(prepared, tmp_path):
    settings = configured(train={"encoder": "bm25"}, serve={"index": {"kind": "ivf"}})
    with pytest.raises(InputError, match="ranks by postings"):
        trainer.run_fn(prepared.fn_args(settings, tmp_path))
