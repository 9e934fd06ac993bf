"""Score a model and the baseline on the eval split: rating errors by slice, and rankings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluation import index
from components.evaluation.scores import EvalData, Scores
from components.examples import Examples
from components.metrics import ranking
from components.metrics.bands import frequency_bands
from components.metrics.damped_bias import DampedBias
from components.metrics.rating import rating_errors

from . import MatrixFactorizationSettings

Rate = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
Recommend = Callable[[NDArray[Any]], list[list[str]]]

_RATED_AT_ONCE = 8_192
_RANKED_AT_ONCE = 256
_DEPTH = 10


def evaluate(model: Any, data: EvalData, settings: MatrixFactorizationSettings) -> Scores:
    """Return the scores of a loaded SavedModel.

    RMSE and MAE are of its `rate`, overall and by how many train ratings the item and the user have. The
    ranking metrics are of `serving_default` without what each user rated in the train split; relevant is an
    eval rating of at least `evaluate.relevant_from`.
    """
    rate, serve = model.signatures["rate"], model.signatures["serving_default"]

    def rated(users: NDArray[Any], items: NDArray[Any]) -> NDArray[Any]:
        pairs = tf.data.Dataset.from_tensor_slices((users, items)).batch(_RATED_AT_ONCE)
        return np.concatenate([rate(user_id=u, item_id=i)["rating"].numpy() for u, i in pairs])

    def recommended(users: NDArray[Any]) -> list[list[str]]:
        answers: list[list[str]] = []
        for batch in tf.data.Dataset.from_tensor_slices(users).batch(_RANKED_AT_ONCE):
            ids = serve(user_id=batch, exclude_seen=tf.ones_like(batch, tf.bool))["ids"].numpy()
            answers += [[item.decode() for item in row[:_DEPTH]] for row in ids]
        return answers

    scores = _scores(data, settings, rated, recommended)
    if settings.serve.index.kind == "exact" or "retrieve" not in model.signatures:
        return scores
    users = np.unique(data.raw.scalars("eval", user_id=tf.string)["user_id"])
    return replace(scores, metrics={**scores.metrics, **_index(model.signatures["retrieve"], users)})


def _index(retrieve: Any, users: NDArray[Any]) -> dict[str, float]:
    nothing = tf.zeros([1, 0], tf.string)

    def ask(number: int, n_probe: int) -> list[bytes]:
        answer = retrieve(
            user_id=tf.constant(users[number : number + 1]),
            exclude_seen=tf.constant([True]),
            exclude_ids=nothing,
            categories=nothing,
            n_probe=tf.constant([n_probe]),
        )
        return list(answer["ids"].numpy()[0])

    return index.measure(ask, len(users))


def baseline(data: EvalData, settings: MatrixFactorizationSettings) -> Scores:
    """Return the scores of damped user and item biases, fitted on the train split.

    Its ranking is the same for all users, the items by bias, less what each has rated.
    """
    train = _interactions(data.raw, "train")
    users, items = pd.Index(train["user_id"].unique()), pd.Index(train["item_id"].unique())
    rows = users.get_indexer(train["user_id"]), items.get_indexer(train["item_id"])
    model = DampedBias.fit(*rows, train["rating"].to_numpy(), (len(users), len(items)))
    best_first = items[np.argsort(-model.item_bias[:-1], kind="stable")]
    seen = train.groupby("user_id")["item_id"].agg(set)

    def rated(user_ids: NDArray[Any], item_ids: NDArray[Any]) -> NDArray[Any]:
        return model.rate(users.get_indexer(user_ids), items.get_indexer(item_ids))

    def recommended(user_ids: NDArray[Any]) -> list[list[str]]:
        return [_first_unseen(best_first, seen.get(user, set())) for user in user_ids]

    return _scores(data, settings, rated, recommended)


def _first_unseen(best_first: pd.Index, seen: set[bytes]) -> list[str]:
    # Of the first `len(seen) + depth` items at least `depth` are unseen.
    candidates = best_first[: len(seen) + _DEPTH]
    return [item.decode() for item in candidates if item not in seen][:_DEPTH]


def _scores(
    data: EvalData, settings: MatrixFactorizationSettings, rate: Rate, recommend: Recommend
) -> Scores:
    train, rated = _interactions(data.raw, "train"), _interactions(data.raw, "eval")
    bands = {
        "item popularity": _bands(train["item_id"], rated["item_id"]),
        "user activity": _bands(train["user_id"], rated["user_id"]),
    }
    predictions = rate(rated["user_id"].to_numpy(), rated["item_id"].to_numpy())
    errors, slices = rating_errors(rated["rating"].to_numpy(), predictions, bands)
    given = settings.evaluate.relevant_from
    relevant_from = train["rating"].mean() if given is None else given
    relevant = rated[rated["rating"] >= relevant_from]
    ranked = _ranking_metrics(relevant, settings.evaluate.ranked_users, recommend)
    return Scores({**errors, **ranked}, slices)


def _bands(train: pd.Series, rated: pd.Series) -> NDArray[Any]:
    counts = train.value_counts()
    return frequency_bands(counts.to_numpy(), rated.map(counts).fillna(0).to_numpy(np.int64))


def _ranking_metrics(relevant: pd.DataFrame, at_most: int, recommend: Recommend) -> dict[str, float]:
    users = np.sort(relevant["user_id"].unique())
    users = users[:: max(1, -(-len(users) // at_most))]
    liked = relevant[relevant["user_id"].isin(users)].groupby("user_id")["item_id"]
    qrels = {user.decode(): {item.decode(): 1 for item in items} for user, items in liked}
    run = {user.decode(): ranking.ranking(ids) for user, ids in zip(users, recommend(users), strict=True)}
    return ranking.evaluate(qrels, run, depth=_DEPTH)


def _interactions(examples: Examples, split: str) -> pd.DataFrame:
    columns: dict[str, Any] = {"user_id": tf.string, "item_id": tf.string, "rating": tf.float32}
    return pd.DataFrame(examples.scalars(split, **columns))
