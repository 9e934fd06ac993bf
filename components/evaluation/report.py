"""One self-contained HTML page per evaluation: verdict, metrics against rivals, slices, loss curves."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import tensorflow as tf
from matplotlib.figure import Figure

HISTORY = "history.json"
_RIVALS = (
    ("value", "candidate", "#3b6ea5"),
    ("baseline", "baseline", "#b0b7bf"),
    ("live", "live", "#e0a030"),
)
_TEMPLATES = Path(__file__).parent / "templates"


def read_history(model_run: str) -> dict[str, Any]:
    """Return the training curves that a trainer left in `history.json`: `{"x": label, "series": {...}}`.

    A model that is computed rather than trained step by step leaves none; then `series` is empty.
    """
    path = f"{model_run}/{HISTORY}"
    if not tf.io.gfile.exists(path):
        return {"x": "epoch", "series": {}}
    with tf.io.gfile.GFile(path) as file:
        return dict(json.loads(file.read()))


def render(result: Mapping[str, Any], history: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return the page; it needs no network and no other file.

    Args:
        result: The content of `metrics.json`.
        history: Training curves, see `read_history`.
        settings: The settings that the model was trained with, shown at the end of the page.
    """
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True)
    metric = result["decision"]["metric"]
    return environment.get_template("report.html").render(
        result=result,
        settings=json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False),
        curves=_curves(history),
        slices=_slice_bars(result["slices"], metric),
        slice_metrics=_slice_metrics(result["slices"]),
    )


def _slice_metrics(slices: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = {name: None for values in slices.values() for name in values if name != "count"}
    return list(names)


def _curves(history: Mapping[str, Any]) -> str:
    series = {name: values for name, values in history["series"].items() if len(values) > 0}
    if not series:
        return ""
    figure = Figure(figsize=(9, 3.4))
    axes = figure.subplots()
    for name, values in series.items():
        axes.plot(range(1, len(values) + 1), values, marker="." if len(values) < 40 else "", label=name)
    axes.set_xlabel(history["x"])
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return _svg(figure)


def _slice_bars(slices: Mapping[str, Mapping[str, Any]], metric: str) -> str:
    names = [name for name, values in slices.items() if metric in values]
    if not names:
        return ""
    figure = Figure(figsize=(9, 1.2 + 0.45 * len(names)))
    axes = figure.subplots()
    for offset, (key, label, color) in zip((-0.27, 0.0, 0.27), _RIVALS, strict=True):
        found = [(row + offset, slices[name][metric][key]) for row, name in enumerate(names)]
        shown = [(row, value) for row, value in found if value is not None]
        if shown:
            rows, values = zip(*shown, strict=True)
            axes.barh(rows, values, height=0.25, label=label, color=color)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(metric)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(_RIVALS))
    return _svg(figure)


def _svg(figure: Figure) -> str:
    figure.tight_layout()
    buffer = io.StringIO()
    # A fixed salt and no date: the same numbers give the same page.
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
