from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from components.evaluation.blessing import headline, judge, record
from components.evaluation.scores import Scores
from components.family import EvaluateSettings, IndexSettings, Thresholds


def _settings(higher: bool, baseline: float = 0.0, live: float = 0.0) -> EvaluateSettings:
    return EvaluateSettings(
        metric="m", higher_is_better=higher, thresholds=Thresholds(baseline=baseline, live=live)
    )


def _scores(value: float) -> Scores:
    return Scores({"m": value}, {"few": {"m": value, "count": 3.0}})


@pytest.mark.parametrize(
    ("higher", "candidate", "baseline", "live", "blessed"),
    [
        (True, 0.7, 0.6, None, True),
        (True, 0.6, 0.6, None, False),
        (True, 0.7, 0.6, 0.8, False),
        (True, 0.7, 0.6, 0.65, True),
        (False, 0.9, 0.95, None, True),
        (False, 0.96, 0.95, None, False),
        (False, 0.9, 0.95, 0.9, False),
        (True, math.nan, 0.6, None, False),
        (True, 0.7, math.nan, None, True),
        (False, math.inf, 0.95, None, False),
    ],
)
def test_blessed_only_when_better_than_baseline_and_live(higher, candidate, baseline, live, blessed) -> None:
    rival = None if live is None else _scores(live)
    verdict = judge(_settings(higher), _scores(candidate), _scores(baseline), rival)
    assert verdict.blessed is blessed
    assert len(verdict.reasons) == (1 if live is None else 2)


def test_threshold_asks_for_more_than_any_gain() -> None:
    assert not judge(_settings(True, baseline=0.05), _scores(0.64), _scores(0.6), None).blessed
    assert judge(_settings(True, baseline=0.05), _scores(0.66), _scores(0.6), None).blessed


def test_unreported_metric_lists_those_that_are() -> None:
    with pytest.raises(InputError, match=r"(?s)evaluate.metric: The metric `m` is not reported.*other"):
        judge(_settings(True), Scores({"other": 1.0}), _scores(0.1), None)


finite = st.floats(-100, 100)


@given(finite, finite, finite, st.booleans())
def test_blessing_against_live_never_goes_both_ways(
    a: float, b: float, baseline: float, higher: bool
) -> None:
    settings = _settings(higher)
    forth = judge(settings, _scores(a), _scores(baseline), _scores(b)).blessed
    back = judge(settings, _scores(b), _scores(baseline), _scores(a)).blessed
    assert not (forth and back)


def test_record_is_strict_json_with_rivals_side_by_side() -> None:
    candidate, baseline = _scores(0.7), _scores(math.nan)
    verdict = judge(_settings(True), candidate, baseline, None)
    result = record(_settings(True), verdict, candidate, baseline, None, {"family": "toy"})
    again = json.loads(json.dumps(result, allow_nan=False))
    assert again["metrics"]["m"] == {"value": 0.7, "baseline": None, "live": None}
    assert again["slices"]["few"]["count"]["value"] == 3.0
    assert again["decision"]["blessed"] is True


@pytest.mark.parametrize(
    ("candidate", "baseline", "live", "line"),
    [
        (0.7, 0.6, None, "m 0.7000 (baseline 0.6000, live none): blessed"),
        (0.7, 0.6, 0.8, "m 0.7000 (baseline 0.6000, live 0.8000): not blessed"),
        (math.nan, 0.6, None, "m none (baseline 0.6000, live none): not blessed"),
        (0.7, math.nan, None, "m 0.7000 (baseline none, live none): blessed"),
    ],
)
def test_headline_shows_rivals_and_verdict_even_without_finite_values(
    candidate, baseline, live, line
) -> None:
    scores, rival = _scores(candidate), None if live is None else _scores(live)
    verdict = judge(_settings(True), scores, _scores(baseline), rival)
    assert headline(record(_settings(True), verdict, scores, _scores(baseline), rival, {})) == line


@pytest.mark.parametrize(
    ("found", "settings", "blessed"),
    [
        ({"index_recall@10": 0.95, "index_p50_ms": 9.0}, {"kind": "ivf"}, True),
        ({"index_recall@10": 0.94, "index_p50_ms": 1.0}, {"kind": "ivf"}, False),
        ({"index_recall@10": 0.94, "index_p50_ms": 1.0}, {"kind": "ivf", "min_recall": 0.9}, True),
        ({"index_recall@10": 1.0, "index_p50_ms": 9.0}, {"kind": "ivf", "max_p50_ms": 5}, False),
        ({"index_recall@10": 1.0, "index_p50_ms": 4.0}, {"kind": "ivf", "max_p50_ms": 5}, True),
        ({}, {"kind": "ivf"}, False),
        ({}, {"kind": "exact"}, True),
    ],
)
def test_an_index_that_misses_too_much_or_is_too_slow_is_not_blessed(found, settings, blessed) -> None:
    candidate = Scores({"m": 0.7, **found})
    verdict = judge(_settings(True), candidate, _scores(0.6), None, IndexSettings(**settings))
    assert verdict.blessed is blessed
    if settings["kind"] == "ivf":
        assert "index_recall@10" in verdict.reasons[1]
