"""Find the place that promises the greatest improvement over the best point."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import fmin_l_bfgs_b
from threadpoolctl import threadpool_limits

from hparam.dimension import Choice
from hparam.known import Known
from hparam.space import Space
from hparam.spec import OptimizerSettings
from hparam.surrogate import Surrogate

Array = NDArray[Any]
# The time of a Gaussian process grows with the cube of its points; beyond so many, trees go on.
GP_LIMIT = 200
TREES_LIMIT = 2000
CANDIDATES = 2000
NEIGHBOURS = 20
REFINED = 5
KEPT = 200
WIDTHS = (0.1, 0.03, 0.01, 0.003)


def search(
    space: Space, settings: OptimizerSettings, known: Known, rng: np.random.Generator
) -> tuple[str, dict[str, Any]] | None:
    """Return the surrogate's name and the new point that it prefers; None when it finds none.

    Args:
        space: Where to look.
        settings: How to look; the surrogate must not be `random`.
        known: What is finished, two points or more, and what is running.
        rng: Of the candidates and of the model.
    """
    kind: str = settings.surrogate
    if kind == "gp" and len(known.units) > GP_LIMIT:
        kind = "et"
    # One thread: more would take turns with the trials, and could change the last digits.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Surrogate(space, kind, int(rng.integers(2**31)))
        units, losses = _telling(known)
        model.fit(units, losses)
        if len(known.running_units):
            model.believe(known.running_units, settings.running)
        best = units[np.argsort(losses, kind="stable")[:REFINED]]
        for place in _places(space, model, kind, best, rng):
            params = space.point(place)
            if not known.near(place[None, :])[0] and space.accepts(params):
                return kind, params
    return None


def _telling(known: Known) -> tuple[Array, Array]:
    # Of very many points the best and the latest.
    units, losses = known.finished_units, known.losses
    if len(losses) <= TREES_LIMIT:
        return units, losses
    late = np.arange(len(losses) - TREES_LIMIT // 2, len(losses))
    best = np.argsort(losses[: late[0]], kind="stable")[: TREES_LIMIT // 2]
    rows = np.concatenate((np.sort(best), late))
    return units[rows], losses[rows]


def _places(
    space: Space, model: Surrogate, kind: str, best: Array, rng: np.random.Generator
) -> Iterator[Array]:
    # Places everywhere and around the best points; the most promising of them are refined.
    anywhere = rng.random((CANDIDATES, len(space.parameters)))
    places = space.snap(np.vstack([anywhere, *(_around(best, width, rng) for width in WIDTHS)]))
    places = places[_order(model, places)][:KEPT]
    top = places[:REFINED]
    refined = _climb(space, model, top) if kind == "gp" else _wander(space, model, top, rng)
    places = np.vstack((space.snap(refined), places))
    yield from places[_order(model, places)]


def _order(model: Surrogate, places: Array) -> Array:
    return np.argsort(-model.improvement(places), kind="stable")


def _around(centres: Array, width: float, rng: np.random.Generator) -> Array:
    rows = np.repeat(centres, NEIGHBOURS, axis=0)
    return np.clip(rows + rng.normal(0, width, rows.shape), 0, 1)


def _wander(space: Space, model: Surrogate, places: Array, rng: np.random.Generator) -> Array:
    # Trees have no gradient.
    for width in WIDTHS:
        near = np.vstack((places, space.snap(_around(places, width, rng))))
        places = near[_order(model, near)][:REFINED]
    return places


def _climb(space: Space, model: Surrogate, places: Array) -> Array:
    numbers = np.array([not isinstance(dimension, Choice) for dimension in space.dimensions])
    active = space.active_columns(places)
    return np.array(
        [_top(model, place, np.flatnonzero(numbers & row)) for place, row in zip(places, active, strict=True)]
    )


def _top(model: Surrogate, place: Array, columns: Array) -> Array:
    place = place.copy()
    if not len(columns):
        return place

    def minus(values: Array) -> tuple[float, Array]:
        place[columns] = values
        value, slope = model.slope(place, columns)
        return -value, -slope

    values, _, _ = fmin_l_bfgs_b(minus, place[columns], bounds=[(0, 1)] * len(columns), maxiter=30)
    place[columns] = values
    return place
