"""How good settings are, measured without the split that blesses: on the queries of the train split."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.errors import InputError
from components.examples import Examples
from components.metrics import ranking
from components.trial import Trial

from . import TrainSettings
from .collection import Collection, Queries, read_queries
from .fusion import fit_weights
from .network import FusedScorer
from .rankings import read_qrels, run_of
from .serving import SearchModel

# Rankings are measured to this depth whatever the length of a served answer, so that trials compare.
DEPTH = 100
_LIMIT = 2000


def tune(
    trial: Trial, model: SearchModel, train: TrainSettings, collection: Collection, examples: Examples
) -> None:
    """Report the ranking metrics of the training queries, at most 2,000 of them, drawn by the seed.

    A fusion's weights are fitted on one half of them to rank the other, and the other way round: no query is
    ranked by weights that have seen its judgements.

    Args:
        trial: Where to report.
        model: With answers as long as `DEPTH`.
        train: The section `train`.
        collection: The documents.
        examples: What Transform wrote.

    Raises:
        InputError: There are no training queries.
    """
    trial.stage("scoring")
    columns = examples.scalars("train", id=tf.string, text=tf.string)
    queries = read_queries(examples, "train")
    if not len(queries):
        raise InputError(
            "The train split has no queries, so that trials have nothing to be compared by.",
            source=examples.uri,
            cure="Give training queries and their judgements: qrels/train.tsv.",
        )
    names = [name.decode() for name in columns["id"]]
    run: dict[str, dict[str, float]] = {}
    for half, others in halves(len(queries), train.seed):
        _fit(model, train, collection, queries, others)
        run |= run_of(model.search, [names[i] for i in half], columns["text"][half])
    judged = read_qrels(examples, "train")
    trial.finish(1, ranking.evaluate({name: judged[name] for name in run}, run, DEPTH))


def halves(count: int, seed: int) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return the rows to rank and those to fit on, for each half of at most 2,000 of `count` queries."""
    order = np.random.default_rng(seed).permutation(count)[:_LIMIT]
    first, second = order[0::2], order[1::2]
    return [(first, second), (second, first)]


def _fit(
    model: SearchModel, train: TrainSettings, collection: Collection, queries: Queries, rows: NDArray[Any]
) -> None:
    if not isinstance(model.scorer, FusedScorer):
        return
    part = Queries([queries.terms[i] for i in rows], [queries.judgements[i] for i in rows])
    fitted = fit_weights(model.scorer, train, collection.ids, part, collection.counts.shape[1])
    model.scorer.weights.assign(fitted.weights)
