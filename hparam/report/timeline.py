"""The timeline of a sweep: which trial had which slot, from when to when, and how it ended."""

from __future__ import annotations

from hparam.report.plot import BOTTOM, TOP, Plot
from hparam.trials import Sweep, Trial, TrialState

_ROW = 26.0


def timeline_chart(sweep: Sweep, now: float) -> str:
    """Return the chart; empty when no trial has started.

    Args:
        sweep: What the journal says.
        now: Unix time until which running trials are drawn.
    """
    started = sorted((t for t in sweep.trials if t.started is not None), key=lambda t: (t.started, t.number))
    if not started:
        return ""
    slots = _slots(started)
    rows = max(slots.values()) + 1
    origin = min(sweep.created, started[0].started or now)
    seconds = max(max(_end(trial, now) for trial in started) - origin, 1.0)
    scale, unit = next(
        (size, name) for size, name in ((3600.0, "h"), (60.0, "min"), (1.0, "s")) if seconds >= size
    )
    plot = Plot(
        "trials by slot over time",
        (0.0, seconds / scale),
        (-0.5, rows - 0.5),
        height=rows * _ROW + TOP + BOTTOM,
    )
    plot.across(f"{unit} since the sweep began")
    for trial in started:
        slot = rows - 1 - slots[trial.number]
        start, end = ((at - origin) / scale for at in (trial.started or now, _end(trial, now)))
        plot.bar((start, slot - 0.4), (end, slot + 0.4), trial.state.value.lower(), _says(trial, now))
    for slot in range(rows):
        _, y = plot.at(0.0, rows - 1 - slot)
        plot.text(58, y + 4, f"slot {slot + 1}", "end")
    return plot.svg()


def _slots(started: list[Trial]) -> dict[int, int]:
    # The first slot that is free when a trial starts; the journal does not number them.
    free_from: list[float] = []
    slots: dict[int, int] = {}
    for trial in started:
        start = trial.started or 0.0
        slot = next((i for i, end in enumerate(free_from) if end <= start), len(free_from))
        free_from[slot : slot + 1] = [trial.ended if trial.ended is not None else float("inf")]
        slots[trial.number] = slot
    return slots


def _end(trial: Trial, now: float) -> float:
    return trial.ended if trial.ended is not None else now


def _says(trial: Trial, now: float) -> str:
    spent = _end(trial, now) - (trial.started or now)
    words = f"trial {trial.number} {trial.state.value.lower()}, {spent:.1f} s"
    if trial.attempt:
        words += f", attempt {trial.attempt + 1}"
    return f"{words}: {trial.reason}" if trial.reason and trial.state is not TrialState.RUNNING else words
