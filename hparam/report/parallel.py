"""Parallel coordinates: an axis for every parameter and one for the metric, a line for every trial."""

from __future__ import annotations

from hparam.dimension import Choice
from hparam.parameters import Parameter
from hparam.progress import describe_params
from hparam.report.plot import BOTTOM, Plot, number, spoken
from hparam.space import Space
from hparam.trials import Sweep, Trial, TrialState

_ABSENT = -0.14
_TOP = 5


def parallel_chart(sweep: Sweep, space: Space) -> str:
    """Return the chart of the succeeded trials, the best on top; empty when there are fewer than two."""
    ranked = ranked_trials(sweep)
    if len(ranked) < 2:
        return ""
    count = len(space.parameters)
    values = [trial.value for trial in ranked if trial.value is not None]
    low, high = min(values), max(values)
    plot = Plot(
        "parameters and metric of every succeeded trial", (-0.3, count + 0.3), (_ABSENT, 1.08), height=360
    )
    for rank, trial in reversed(list(enumerate(ranked))):
        heights = [_height(parameter, trial) for parameter in space.parameters]
        heights.append(((trial.value or 0.0) - low) / ((high - low) or 1.0))
        value = number(trial.value or 0.0)
        says = f"{sweep.spec.metric} {value}, trial {trial.number}: {describe_params(trial)}"
        _draw(plot, heights, rank, len(ranked), says)
    for place, parameter in enumerate(space.parameters):
        _axis(plot, place, parameter.name, _ticks(parameter))
    _axis(plot, count, sweep.spec.metric, [(0.0, number(low)), (1.0, number(high))])
    return plot.svg()


def ranked_trials(sweep: Sweep) -> list[Trial]:
    """Return the succeeded trials, the best first."""
    return sorted(
        sweep.in_state(TrialState.SUCCEEDED), key=lambda trial: (sweep.loss(trial.value), trial.number)
    )


def _height(parameter: Parameter, trial: Trial) -> float:
    if parameter.name not in trial.params:
        return _ABSENT
    return parameter.dimension.unit(trial.params[parameter.name])


def _draw(plot: Plot, heights: list[float], rank: int, count: int, says: str) -> None:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (plot.at(place, up) for place, up in enumerate(heights)))
    # The better, the stronger.
    shade = 1.0 if rank < _TOP else 0.55 - 0.4 * rank / count
    kind = "trial top" if rank < _TOP else "trial"
    shape = f'<polyline points="{points}" style="--shade: {shade:.2f}"'
    plot.marks.append(spoken(shape, kind, says, "polyline"))


def _ticks(parameter: Parameter) -> list[tuple[float, str]]:
    dimension = parameter.dimension
    if isinstance(dimension, Choice):
        return [(dimension.unit(option), str(option)) for option in dimension.options]
    return [(place, number(dimension.at(place))) for place in (0.0, 0.5, 1.0)]


def _axis(plot: Plot, place: int, name: str, ticks: list[tuple[float, str]]) -> None:
    x, bottom = plot.at(place, 0.0)
    _, top = plot.at(place, 1.0)
    plot.marks.append(f'<line class="axis" x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>')
    for up, words in ticks:
        plot.text(x + 5, plot.at(place, up)[1] + 4, words, "start")
    # Names are long and axes are close: every other name is one line lower.
    plot.text(x, plot.height - BOTTOM + 18 + 14 * (place % 2), name)
