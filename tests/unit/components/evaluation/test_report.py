from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from components.evaluation.blessing import judge, record
from components.evaluation.report import read_history, render
from components.evaluation.scores import Scores
from components.family import EvaluateSettings, Thresholds

SETTINGS = EvaluateSettings(metric="rmse", higher_is_better=False, thresholds=Thresholds(baseline=0, live=0))


def _page(history: dict, live: Scores | None = None, name: str = "toy") -> str:
    slices = {
        "user activity: 1-20": {"rmse": 0.95, "count": 10.0},
        "user activity: 21+": {"rmse": 0.85, "count": 30.0},
    }
    candidate = Scores({"rmse": 0.9, "mae": 0.7}, slices)
    baseline = Scores({"rmse": 0.94, "mae": 0.75}, slices)
    verdict = judge(SETTINGS, candidate, baseline, live)
    about = {"family": name, "live_version": 3 if live else None, "model_uri": "/models/1"}
    return render(
        record(SETTINGS, verdict, candidate, baseline, live, about), history, {"train": {"epochs": 3}}
    )


class _Balance(HTMLParser):
    VOID = {"meta", "br", "img", "link", "use", "path", "rect"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.outside += [
            v for k, v in attrs if k in ("src", "href", "xlink:href") and v and not v.startswith("#")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_page_is_well_formed_and_needs_no_network() -> None:
    page = _page(
        {"x": "epoch", "series": {"train rmse": [1.0, 0.9], "validation rmse": [1.1, 0.95]}},
        Scores({"rmse": 0.91}),
    )
    parser = _Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.outside == []
    assert page.count("<svg") == 2
    assert "version 3" in page
    assert "0.9400" in page and "0.9100" in page
    assert "user activity: 21+" in page


def test_page_without_curves_says_so() -> None:
    page = _page({"x": "epoch", "series": {}})
    assert page.count("<svg") == 1
    assert "there is no curve" in page


def test_names_are_escaped() -> None:
    assert "<script>" not in _page({"x": "epoch", "series": {}}, name="<script>alert(1)</script>")


def test_same_result_gives_the_same_page() -> None:
    history = {"x": "epoch", "series": {"loss": [3.0, 2.0]}}
    strip = re.compile(r'(id|clip-path|xlink:href)="[^"]*"')
    assert strip.sub("", _page(history)) == strip.sub("", _page(history))


def test_history_is_read_from_the_run_and_may_be_absent(tmp_path: Path) -> None:
    assert read_history(str(tmp_path)) == {"x": "epoch", "series": {}}
    (tmp_path / "history.json").write_text(json.dumps({"x": "epoch", "series": {"loss": [1]}}))
    assert read_history(str(tmp_path))["series"] == {"loss": [1]}
