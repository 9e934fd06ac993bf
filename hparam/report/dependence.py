"""Partial dependence: what the surrogate expects of one parameter, averaged over all others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hparam.dimension import Choice
from hparam.parameters import Parameter
from hparam.report.plot import Plot, number, padded
from hparam.space import Space
from hparam.trials import Sweep, TrialState

Expect = Callable[[NDArray[Any]], NDArray[Any]]
_NEEDED = 5
_GRID = 33
_POINTS = 200


@dataclass(frozen=True)
class Dependence:
    """What is expected of the metric along one parameter.

    Attributes:
        parameter: Which.
        units: Places in its unit interval.
        mean: The metric there, averaged over the points that were tried.
        low: One in ten of those points is expected to be below.
        high: One in ten is expected to be above.
    """

    parameter: Parameter
    units: NDArray[Any]
    mean: NDArray[Any]
    low: NDArray[Any]
    high: NDArray[Any]

    @property
    def reach(self) -> float:
        """Return by how much the parameter moves the metric."""
        return float(np.ptp(self.mean))


def dependences(sweep: Sweep, space: Space) -> list[Dependence]:
    """Return what the sweep's surrogate expects, the parameter that matters most first.

    Empty when fewer than five trials have succeeded; a random search is looked at with a Gaussian process.
    """
    done = [t for t in sweep.in_state(TrialState.SUCCEEDED) if space.contains(t.params)][-_POINTS:]
    if len(done) < _NEEDED:
        return []
    losses = np.array([sweep.loss(trial.value) for trial in done])
    params = [trial.params for trial in done]
    if not np.ptp(losses):
        return []
    kind = sweep.spec.optimizer.surrogate
    base = np.array([space.unit(point) for point in params])
    expect = _fitted(space, "gp" if kind == "random" else kind, base, losses)
    found = []
    for column, parameter in enumerate(space.parameters):
        rows = base[[parameter.name in point for point in params]]
        if len(rows):
            places = _places(parameter)
            found.append(_along(parameter, places, _expected(expect, rows, column, places), sweep))
    return sorted(found, key=lambda one: -one.reach)


def _fitted(space: Space, kind: str, units: NDArray[Any], losses: NDArray[Any]) -> Expect:
    from threadpoolctl import threadpool_limits

    from hparam.surrogate import Surrogate  # It imports scikit-optimize.

    surrogate = Surrogate(space, kind, seed=0)
    with threadpool_limits(1), warnings.catch_warnings():
        # That a parameter does not matter is worth a flat line, not a warning.
        warnings.simplefilter("ignore")
        surrogate.fit(space.snap(units), losses)
    return surrogate.expected


def _places(parameter: Parameter) -> NDArray[Any]:
    dimension = parameter.dimension
    if isinstance(dimension, Choice):
        return np.array([dimension.unit(option) for option in dimension.options])
    return np.linspace(0.0, 1.0, _GRID)


def _expected(expect: Expect, rows: NDArray[Any], column: int, places: NDArray[Any]) -> NDArray[Any]:
    grid = np.repeat(rows[None, :, :], len(places), axis=0)
    grid[:, :, column] = places[:, None]
    return expect(grid.reshape(-1, rows.shape[1])).reshape(len(places), len(rows))


def _along(parameter: Parameter, units: NDArray[Any], losses: NDArray[Any], sweep: Sweep) -> Dependence:
    values = -losses if sweep.spec.higher_is_better else losses
    low, high = np.quantile(values, (0.1, 0.9), axis=1)
    return Dependence(parameter, units, values.mean(axis=1), low, high)


def dependence_chart(dependence: Dependence, metric: str, ends: tuple[float, float]) -> str:
    """Return the chart of one parameter.

    Args:
        dependence: What is expected.
        metric: Name of the metric.
        ends: Lowest and highest value of all parameters' charts, so that they can be compared.
    """
    dimension = dependence.parameter.dimension
    plot = Plot(f"expected {metric} by {dependence.parameter.name}", (0.0, 1.0), ends, width=420, height=240)
    plot.across(dependence.parameter.name, ticks=())
    plot.up(metric)
    shown = zip(dependence.units, dependence.mean, dependence.low, dependence.high, strict=True)
    if isinstance(dimension, Choice):
        for unit, mean, low, high in shown:
            says = f"{dimension.at(unit)}: {number(mean)}"
            plot.bar((unit - 0.01, low), (unit + 0.01, high), "band", says)
            plot.dot((unit, mean), "succeeded", says)
            plot.text(plot.at(unit, 0)[0], plot.height - 24, str(dimension.at(unit)))
        return plot.svg()
    plot.area(_points(dependence.units, dependence.low), _points(dependence.units, dependence.high), "band")
    plot.line(_points(dependence.units, dependence.mean), "best")
    for unit, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        plot.text(plot.at(unit, 0)[0], plot.height - 24, number(dimension.at(unit)), anchor)
    return plot.svg()


def common_ends(found: Sequence[Dependence]) -> tuple[float, float]:
    """Return the lowest and the highest value of several dependences, with some room."""
    return padded([float(value) for one in found for value in (one.low.min(), one.high.max())])


def _points(xs: NDArray[Any], ys: NDArray[Any]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
