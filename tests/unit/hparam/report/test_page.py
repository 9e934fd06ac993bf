from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hparam.command import training_command
from hparam.report import render, write_report
from hparam.trials import Sweep, replay

from .conftest import Story, spec

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps what the page shows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def of_class(self, tag: str, kind: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.tags if t == tag and kind in (a.get("class") or "").split()]


@pytest.fixture(scope="module")
def html(sweep: Sweep) -> str:
    return render(sweep, now=100.0)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_page_asks_the_network_for_nothing(html: str) -> None:
    assert not re.findall(r"""(?:src|href|url|@import)\s*[=(]""", html)
    assert "http" not in html


def test_every_chart_is_well_formed(html: str) -> None:
    charts = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(charts) == 3 + 4
    for chart in charts:
        assert "nan" not in chart
        ElementTree.fromstring(chart)


def test_history_has_a_dot_for_every_ended_trial_and_a_band(page: Page) -> None:
    dots = [a for kind in ("succeeded", "stopped", "failed", "lost") for a in page.of_class("circle", kind)]
    of_history = [a for a in dots if (a["aria-label"] or "").startswith("trial ")]
    assert len(of_history) == 15
    assert page.of_class("polygon", "band")
    assert "of the 6 random trials of this sweep" in page.text


def test_timeline_has_a_bar_for_every_started_trial_in_two_slots(page: Page) -> None:
    bars = [a for t, a in page.tags if t == "rect" and (a["aria-label"] or "").startswith("trial ")]
    assert len(bars) == 16
    assert [a["class"] for a in bars].count("running") == 1


def test_parallel_coordinates_have_a_line_for_every_succeeded_trial(page: Page) -> None:
    lines = page.of_class("polyline", "trial")
    assert len(lines) == 12
    assert len(page.of_class("polyline", "top")) == 5


def test_partial_dependence_puts_the_parameter_that_matters_first(html: str) -> None:
    order = re.findall(r'aria-label="expected rmse by ([\w.]+)"', html)
    assert order[0] == "train.embedding_l2"
    assert len(order) == 4


def test_best_trials_come_with_the_command_that_trains_them(page: Page, sweep: Sweep) -> None:
    assert sweep.best is not None
    command = training_command(sweep.spec, sweep.best.params)
    assert command in page.text
    assert len([a for t, a in page.tags if t == "button"]) == 5


def test_failed_trials_are_listed_with_reason_and_last_log_line(page: Page) -> None:
    assert "error: it broke" in page.text
    assert "oom: out of memory" in page.text
    # Logs are shown as they are, not as HTML.
    assert "ValueError: <b>boom</b>" in page.text
    assert "b" not in {tag for tag, _ in page.tags}


def test_what_speaks_when_pointed_at_is_reached_by_keyboard_too(page: Page) -> None:
    speaking = [a for t, a in page.tags if t in ("circle", "rect", "polyline") and "aria-label" in a]
    assert len(speaking) > 40
    assert all(a["tabindex"] == "0" for a in speaking)


def test_page_has_a_dark_side(html: str) -> None:
    assert "color-scheme: light dark" in html
    assert "prefers-color-scheme: dark" in html


def test_same_sweep_gives_the_same_page(html: str, sweep: Sweep) -> None:
    assert render(sweep, now=100.0) == html


@pytest.mark.parametrize("trials", [0, 1])
def test_a_sweep_that_has_hardly_begun_has_a_page_too(trials: int) -> None:
    story = Story(spec())
    for number in range(trials):
        story.trial(number, {"train.learning_rate": 0.01}, "initial", "failed", reason="error", message="x")
    page = Page(render(replay(story.records), now=100.0))
    assert "No trial has succeeded yet." in page.text


def test_report_is_replaced_as_a_whole(sweep: Sweep, tmp_path: Path, html: str) -> None:
    path = tmp_path / "sweep" / "report.html"
    write_report(sweep, path, 1.0)
    write_report(sweep, path, 100.0)
    assert path.read_text(encoding="utf-8") == html
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]
