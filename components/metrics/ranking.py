"""Ranking metrics by trec_eval's definitions, computed by `ir_measures` through pytrec_eval.

nDCG is linear in the grade with a log2 discount; average precision divides by the number of all relevant
candidates; a grade above 0 is relevant to every other metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ir_measures
from ir_measures import AP, RR, R, nDCG

Qrels = Mapping[str, Mapping[str, int]]
Run = Mapping[str, Mapping[str, float]]


def ranking(ids: Sequence[str]) -> dict[str, float]:
    """Return one query's entry of a run from its candidates in order, best first.

    The scores fall by one from rank to rank, so that the order that was served is the order that is measured;
    trec_eval would break ties between equal scores by id. Padding (an empty id) is left out.
    """
    answers = [candidate for candidate in ids if candidate]
    return {candidate: float(len(answers) - rank) for rank, candidate in enumerate(answers)}


def per_query(qrels: Qrels, run: Run, depth: int = 100) -> dict[str, dict[str, float]]:
    """Return metric name -> query -> value, for every query of `qrels`.

    Args:
        qrels: Query -> candidate -> grade, an integer; binary or graded.
        run: Query -> candidate -> score; a query that is missing here has the value 0.
        depth: How far down the run counts for MAP, recall and MRR.

    Returns:
        `ndcg@10`, `map@<depth>`, `recall@<depth>` and `mrr@<depth>`.
    """
    names = _measures(depth)
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(qrels, 0.0) for name in names.values()}
    provider = ir_measures.providers.registry["pytrec_eval"]
    judged = {query: {**candidates} for query, candidates in qrels.items()}
    for result in provider.iter_calc(list(names), judged, {q: {**run[q]} for q in run if q in qrels}):
        values[names[result.measure]][result.query_id] = result.value
    # trec_eval has no cut-off for the reciprocal rank; below 1 / depth the first relevant one is too deep.
    first = values[names[RR]]
    first.update({query: 0.0 for query, value in first.items() if value * depth < 1 - 1e-9})
    return values


def evaluate(qrels: Qrels, run: Run, depth: int = 100) -> dict[str, float]:
    """Return metric name -> mean over the queries of `qrels`; see `per_query`. Without queries all are 0."""
    return mean(per_query(qrels, run, depth))


def mean(values: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return metric name -> mean over the queries of what `per_query` returned."""
    return {name: sum(column.values()) / max(len(column), 1) for name, column in values.items()}


def _measures(depth: int) -> dict[ir_measures.Measure, str]:
    return {
        nDCG @ 10: "ndcg@10",
        AP @ depth: f"map@{depth}",
        R @ depth: f"recall@{depth}",
        RR: f"mrr@{depth}",
    }
