"""The history of a sweep: every trial's value in the order in which they ended, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence

from hparam.progress import describe_params
from hparam.report.band import Band
from hparam.report.plot import Plot, number, padded
from hparam.trials import Sweep, Trial, TrialState

_FAR = 2.0


def ended_trials(sweep: Sweep) -> list[Trial]:
    """Return the trials to which nothing more happens, in the order in which they ended."""
    final = [trial for trial in sweep.trials if sweep.is_final(trial)]
    return sorted(final, key=lambda trial: (trial.ended or 0.0, trial.number))


def history_chart(sweep: Sweep, band: Band | None) -> str:
    """Return the chart; empty when no trial has a value.

    Args:
        sweep: What the journal says.
        band: What random search would have found, drawn below the trials.
    """
    ended = ended_trials(sweep)
    values = [trial.value for trial in ended if trial.value is not None]
    if not values:
        return ""
    metric = sweep.spec.metric
    plot = Plot(
        f"{metric} of every trial and the best so far", (0.5, len(ended) + 0.5), _range(sweep, values)
    )
    plot.across("trials ended", ticks=_places(len(ended)))
    plot.up(metric)
    if band is not None:
        _draw_band(plot, sweep, band)
    _draw_best(plot, sweep, ended)
    low, high = plot.y
    floor = low + 0.02 * (high - low)
    for place, trial in enumerate(ended, start=1):
        state = trial.state.value.lower()
        if trial.value is None:
            plot.dot((place, floor), state, f"trial {trial.number} {state}: {trial.reason}")
            continue
        says = f"trial {trial.number} {state}: {metric} {number(trial.value)}; {describe_params(trial)}"
        plot.dot((place, min(max(trial.value, floor), high)), state, says)
    return plot.svg()


def _range(sweep: Sweep, values: Sequence[float]) -> tuple[float, float]:
    # A few hopeless points must not flatten the rest: those far off on the worse side are drawn at the edge.
    losses = sorted(sweep.loss(value) for value in values)
    upper = losses[3 * (len(losses) - 1) // 4]
    limit = upper + _FAR * (upper - losses[0])
    near = [loss for loss in losses if loss <= limit]
    low, high = padded(near)
    return (-high, -low) if sweep.spec.higher_is_better else (low, high)


def _places(count: int) -> list[float]:
    step = max(1, round(count / 10))
    return [float(place) for place in range(step, count + 1, step)]


def _draw_band(plot: Plot, sweep: Sweep, band: Band) -> None:
    low, middle, high = (
        [(place, _shown(plot, sweep, loss)) for place, loss in enumerate(losses, start=1)]
        for losses in (band.low, band.middle, band.high)
    )
    plot.area(low, high, "band")
    plot.line(middle, "band-middle")


def _shown(plot: Plot, sweep: Sweep, loss: float) -> float:
    value = -loss if sweep.spec.higher_is_better else loss
    return min(max(value, plot.y[0]), plot.y[1])


def _draw_best(plot: Plot, sweep: Sweep, ended: Sequence[Trial]) -> None:
    points: list[tuple[float, float]] = []
    best = float("inf")
    for place, trial in enumerate(ended, start=1):
        if trial.state is TrialState.SUCCEEDED and sweep.loss(trial.value) < best:
            if points:
                points.append((place, points[-1][1]))
            best = sweep.loss(trial.value)
            points.append((place, _shown(plot, sweep, best)))
    if points:
        points.append((len(ended) + 0.5, points[-1][1]))
        plot.line(points, "best")
