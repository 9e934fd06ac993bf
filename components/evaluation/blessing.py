"""Decide whether a candidate may be pushed, and record the comparison."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import InputError
from components.evaluation.index import INDEX_P50, RECALL
from components.evaluation.scores import Scores
from components.family import EvaluateSettings, IndexSettings


@dataclass(frozen=True)
class Verdict:
    """The decision on one candidate.

    Attributes:
        blessed: Better than the baseline and than the live version, each by more than its threshold.
        reasons: One sentence per comparison, in the order baseline, live, index.
    """

    blessed: bool
    reasons: tuple[str, ...]


def judge(
    settings: EvaluateSettings,
    candidate: Scores,
    baseline: Scores,
    live: Scores | None,
    index: IndexSettings | None = None,
) -> Verdict:
    """Compare the candidate on the deciding metric, and its index with what is asked of it.

    A value that is not finite never wins. Without a live version only the baseline counts. An exact search
    has no index to be judged.

    Raises:
        InputError: The deciding metric is not among those that the family reports.
    """
    if settings.metric not in candidate.metrics:
        raise InputError(
            f"The metric `{settings.metric}` is not reported.",
            source="evaluate.metric",
            cure=f"Choose one of: {', '.join(sorted(candidate.metrics))}.",
        )
    rivals = [("the baseline", baseline, settings.thresholds.baseline)]
    if live is not None:
        rivals.append(("the live version", live, settings.thresholds.live))
    outcomes = [_compare(settings, candidate, *rival) for rival in rivals]
    if index is not None and index.kind != "exact":
        outcomes += _judge_index(index, candidate)
    return Verdict(all(won for won, _ in outcomes), tuple(reason for _, reason in outcomes))


def _judge_index(settings: IndexSettings, candidate: Scores) -> list[tuple[bool, str]]:
    recall = candidate.metrics.get(RECALL, math.nan)
    enough = recall >= settings.min_recall
    verb = "reaches" if enough else "does not reach"
    outcomes = [(enough, f"{RECALL} {recall:.4f} {verb} serve.index.min_recall {settings.min_recall:g}.")]
    if settings.max_p50_ms is not None:
        taken = candidate.metrics.get(INDEX_P50, math.nan)
        soon = taken <= settings.max_p50_ms
        limit = f"serve.index.max_p50_ms {settings.max_p50_ms:g}"
        outcomes.append((soon, f"{INDEX_P50} {taken:.2f} {'keeps to' if soon else 'is above'} {limit}."))
    return outcomes


def record(
    settings: EvaluateSettings,
    verdict: Verdict,
    candidate: Scores,
    baseline: Scores,
    live: Scores | None,
    about: dict[str, Any],
) -> dict[str, Any]:
    """Return the content of `metrics.json`.

    Every metric, overall and by slice, is `{"value", "baseline", "live"}`; `live` is null without a live
    version, and a value that is not finite is null as JSON has no word for it.
    """
    rivals = {"value": candidate, "baseline": baseline, "live": live}
    overall = {rival: scores.metrics if scores else {} for rival, scores in rivals.items()}
    by_slice = {
        name: {rival: scores.slices.get(name, {}) if scores else {} for rival, scores in rivals.items()}
        for name in candidate.slices
    }
    return {
        **about,
        "split": "eval",
        "decision": {
            "blessed": verdict.blessed,
            "metric": settings.metric,
            "higher_is_better": settings.higher_is_better,
            "thresholds": settings.thresholds.model_dump(),
            "reasons": list(verdict.reasons),
        },
        "metrics": _side_by_side(overall),
        "slices": {name: _side_by_side(values) for name, values in by_slice.items()},
    }


def headline(result: Mapping[str, Any]) -> str:
    """Return the content of `metrics.json` in one line: the deciding metric, its rivals, the verdict."""
    decision = result["decision"]
    values = result["metrics"][decision["metric"]]
    # A value that is not finite is null in the record.
    shown = {rival: "none" if value is None else f"{value:.4f}" for rival, value in values.items()}
    rivals = f"baseline {shown['baseline']}, live {shown['live']}"
    verdict = "blessed" if decision["blessed"] else "not blessed"
    return f"{decision['metric']} {shown['value']} ({rivals}): {verdict}"


def _side_by_side(values: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    # {rival: {metric: value}} -> {metric: {rival: value}}, for the candidate's metrics.
    return {
        metric: {rival: _finite(found.get(metric)) for rival, found in values.items()}
        for metric in values["value"]
    }


def _compare(
    settings: EvaluateSettings, candidate: Scores, rival: str, scores: Scores, threshold: float
) -> tuple[bool, str]:
    mine, theirs = candidate.metrics[settings.metric], scores.metrics[settings.metric]
    gain = mine - theirs if settings.higher_is_better else theirs - mine
    won = math.isfinite(mine) and (gain > threshold or not math.isfinite(theirs))
    verb = "beats" if won else "does not beat"
    return won, f"{settings.metric} {mine:.4f} {verb} {rival}'s {theirs:.4f} by more than {threshold:g}."


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
