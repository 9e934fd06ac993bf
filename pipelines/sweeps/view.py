"""What a sweep looks like on a terminal: a line on the whole, a row for every trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.sweeps.status import Snapshot, best_line

# Trial number, attempt -> the newest step and value of a trial that runs; None before the first.
Progress = Callable[[int, int], tuple[int, float] | None]

COLUMNS = ("trial", "state", "value", "step", "seconds", "point")
RIGHT = ("trial", "value", "step", "seconds")
_STYLES = {"succeeded": "green", "failed": "red", "lost": "red", "stopped": "yellow", "running": "cyan"}


def headline(snapshot: Snapshot) -> str:
    """Return the line on the whole: how many trials have ended and how, and the best so far."""
    final = sum(trial["final"] for trial in snapshot["trials"])
    counts = ", ".join(f"{count} {state}" for state, count in snapshot["counts"].items() if count)
    best = best_line(snapshot)
    left_out = sum(snapshot["counts"].values()) - len(snapshot["trials"])
    words = [
        f"{snapshot['name']}: {final + left_out} of {snapshot['budget']['trials']} trials",
        counts,
        f"best {best}" if best else "no result yet",
    ]
    return "  ".join(word for word in words if word)


def row(trial: Mapping[str, Any], best: int | None, now: float, progress: Progress) -> tuple[str, ...]:
    """Return the cells of a trial.

    Args:
        trial: From a snapshot.
        best: Number of the best trial.
        now: Unix time.
        progress: Looks up how far a running trial is.
    """
    step, value = trial["step"], trial["value"]
    if trial["state"] == "running" and (newest := progress(trial["trial"], trial["attempt"])):
        step, value = newest
    started, ended = trial["started"], trial["ended"]
    mark = " *" if trial["trial"] == best else ""
    reason = f" ({trial['reason']})" if trial["reason"] else ""
    return (
        f"{trial['trial']}",
        f"{trial['state']}{reason}",
        "" if value is None else f"{value:.6g}{mark}",
        "" if step is None else f"{step}",
        "" if started is None else f"{(ended if ended is not None else now) - started:.0f}",
        point(trial["params"]),
    )


def point(params: Mapping[str, Any]) -> str:
    """Return a trial's settings in a line; all begin with `train.` or `serve.`, which is left out."""
    cells = (
        f"{name.partition('.')[2]}={value:.4g}"
        if isinstance(value, float)
        else f"{name.partition('.')[2]}={value}"
        for name, value in params.items()
    )
    return " ".join(cells)


def live_view(snapshot: Snapshot, now: float, rows: int, progress: Progress) -> RenderableType:
    """Return the picture of a sweep that is going on.

    Args:
        snapshot: See `hparam.snapshot`.
        now: Unix time.
        rows: Trials that there is room for; those that have not ended come first, then the newest.
        progress: Looks up how far a running trial is.
    """
    best = snapshot["best"] and snapshot["best"]["trial"]
    shown = _shown(snapshot["trials"], best, rows)
    cells = [row(trial, best, now, progress) for trial in shown]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(COLUMNS[:-1]):
        width = max(map(len, [name, *(line[place] for line in cells)]))
        table.add_column(name, justify="right" if name in RIGHT else "left", min_width=width)
    # Where there is no room it is the point that is cut off.
    table.add_column(COLUMNS[-1], no_wrap=True, overflow="ellipsis")
    for trial, (number, state, *rest) in zip(shown, cells, strict=True):
        table.add_row(number, Text(state, style=_STYLES.get(trial["state"], "")), *map(Text, rest))
    return Group(Text(headline(snapshot), style="bold"), table)


def _shown(trials: Sequence[Mapping[str, Any]], best: int | None, rows: int) -> list[Mapping[str, Any]]:
    # The best stays in view, and whatever goes on.
    def order(trial: Mapping[str, Any]) -> tuple[bool, bool, int]:
        return trial["final"], trial["trial"] != best, -trial["trial"]

    return sorted(sorted(trials, key=order)[: max(rows, 1)], key=lambda trial: trial["trial"])
