"""Propose where to look next: a pure function of what a sweep has found out so far.

Nothing is kept between two proposals. The same journal gives the same point, whether the controller that asks
has run all the time or was started a moment ago.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import LodestarError
from hparam.known import Known
from hparam.space import Space, SpaceExhausted
from hparam.spec import OptimizerSettings
from hparam.trials import Params

TRIES = 200


@dataclass(frozen=True)
class Proposal:
    """A point to try.

    Attributes:
        params: Dotted setting -> value, plain JSON.
        strategy: How it was found: `default`, `initial`, `random` or the surrogate's name.
        fallback: Whether it is random because the surrogate failed.
    """

    params: dict[str, Any]
    strategy: str
    fallback: bool = False


def propose(
    space: Space,
    settings: OptimizerSettings,
    seed: int,
    k: int,
    finished: Sequence[tuple[Params, float]],
    running: Sequence[Params],
) -> Proposal:
    """Return the proposal number `k` of a sweep; equal arguments give equal points.

    Args:
        space: Where to look.
        settings: How to look.
        seed: Of the sweep.
        k: Number of the proposal, from 0.
        finished: Points and their losses, lower is better, in the order of the trials.
        running: Points without a loss yet, in the order of the trials.

    Raises:
        LodestarError: A loss is no finite number.
        SpaceExhausted: Every point is finished or running.
    """
    known = Known(space, finished, running)
    rng = np.random.default_rng([seed, k])
    if needs_surrogate(settings, k, len(known.losses)):
        from hparam.search import search  # It imports scikit-optimize, which random points do not need.

        found = search(space, settings, known, rng)
        return Proposal(found[1], found[0]) if found else random_point(space, known, rng)
    if settings.surrogate != "random" and k < settings.initial:
        return _initial_point(space, settings, seed, k, known, rng)
    return random_point(space, known, rng)


def needs_surrogate(settings: OptimizerSettings, k: int, finished: int) -> bool:
    """Return whether the surrogate proposes: the initial points are out and half of them back."""
    enough = finished >= max(2, settings.initial // 2)
    return settings.surrogate != "random" and k >= settings.initial and enough


def random_point(space: Space, known: Known, rng: np.random.Generator) -> Proposal:
    """Return a random new point that the settings accept.

    Raises:
        SpaceExhausted: There is none.
        LodestarError: None was found.
    """
    for units in rng.random((TRIES, len(space.parameters))):
        if (params := _new(space, known, units)) is not None:
            return Proposal(params, "random")
    if not space.finite:
        raise LodestarError(
            f"None of {TRIES} random points is new and accepted by the settings.", cure="Narrow the space."
        )
    left = list(_left(space, known))
    if not left:
        raise SpaceExhausted("Every point of the space has been tried.")
    return Proposal(left[int(rng.integers(len(left)))], "random")


def _initial_point(
    space: Space, settings: OptimizerSettings, seed: int, k: int, known: Known, rng: np.random.Generator
) -> Proposal:
    default = space.default
    if k == 0 and default is not None:
        return Proposal(default, "default")
    # A Latin hypercube: in every parameter, each of as many equal shares has one of the points.
    draw = np.random.default_rng(seed)
    shares = [draw.permutation(settings.initial)[k] for _ in space.parameters]
    units = (np.array(shares) + draw.random((settings.initial, len(shares)))[k]) / settings.initial
    params = _new(space, known, units)
    return random_point(space, known, rng) if params is None else Proposal(params, "initial")


def _new(space: Space, known: Known, units: NDArray[Any]) -> dict[str, Any] | None:
    snapped = space.snap(units[None, :])
    params = space.point(snapped[0])
    return params if not known.near(snapped)[0] and space.accepts(params) else None


def _left(space: Space, known: Known) -> Iterator[dict[str, Any]]:
    # Whole numbers may be close to each other, yet each is a point of its own.
    seen = {row.tobytes() for row in np.round(known.units, 9)}
    for params in space.points():
        if np.round(space.unit(params), 9).tobytes() not in seen and space.accepts(params):
            yield params
