import numpy as np
import pytest
import tensorflow as tf

from components.models.matrix_factorization import evaluator

from .conftest import settings, splits


@pytest.fixture(scope="module")
def scores(model, prepared):
    return evaluator.evaluate(model, prepared.data, settings())


@pytest.fixture(scope="module")
def baseline(prepared):
    return evaluator.baseline(prepared.data, settings())


def test_rating_errors_are_those_of_the_served_ratings(scores, model):
    rows = splits()["eval"]
    rated = model.signatures["rate"](
        user_id=tf.constant([row["user_id"] for row in rows]),
        item_id=tf.constant([row["item_id"] for row in rows]),
    )["rating"].numpy()
    errors = rated - np.array([row["rating"] for row in rows])
    assert scores.metrics["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-5)
    assert scores.metrics["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-5)


def test_model_and_baseline_report_the_same_metrics_and_slices(scores, baseline):
    assert list(scores.metrics) == list(baseline.metrics)
    assert set(scores.metrics) == {"rmse", "mae", "ndcg@10", "map@10", "recall@10", "mrr@10"}
    assert {name: set(values) for name, values in scores.slices.items()} == {
        name: set(values) for name, values in baseline.slices.items()
    }


def test_model_beats_the_baseline_on_ratings_with_structure(scores, baseline):
    assert scores.metrics["rmse"] < baseline.metrics["rmse"]


def test_slices_divide_the_split_and_set_newcomers_apart(scores):
    rows = len(splits()["eval"])
    for feature in ("item popularity", "user activity"):
        counts = {name: values["count"] for name, values in scores.slices.items() if name.startswith(feature)}
        assert sum(counts.values()) == rows
        assert counts[f"{feature}: 0"] == 1


def test_ranking_metrics_follow_the_served_order(model, prepared, scores):
    rows, train = splits()["eval"], splits()["train"]
    liked_from = np.mean([row["rating"] for row in train])
    liked: dict[str, set[str]] = {}
    for row in rows:
        if row["rating"] >= liked_from:
            liked.setdefault(row["user_id"], set()).add(row["item_id"])
    serve = model.signatures["serving_default"]
    reciprocal = []
    for user, items in liked.items():
        ids = serve(user_id=tf.constant([user]), exclude_seen=tf.constant([True]))["ids"].numpy()[0][:10]
        ranks = [rank for rank, one in enumerate(ids, 1) if one.decode() in items]
        reciprocal.append(1 / ranks[0] if ranks else 0.0)
    assert scores.metrics["mrr@10"] == pytest.approx(np.mean(reciprocal))


def test_nothing_is_relevant_above_the_highest_rating(model, prepared):
    strict = settings(evaluate={"relevant_from": 6.0})
    assert evaluator.evaluate(model, prepared.data, strict).metrics["ndcg@10"] == 0


def test_ranking_is_measured_on_no_more_users_than_asked_for(prepared, monkeypatch):
    asked = []
    original = evaluator.ranking.evaluate
    monkeypatch.setattr(
        evaluator.ranking,
        "evaluate",
        lambda qrels, run, depth: asked.append(qrels) or original(qrels, run, depth),
    )
    evaluator.baseline(prepared.data, settings(evaluate={"ranked_users": 7}))
    (qrels,) = asked
    assert 4 <= len(qrels) <= 7
