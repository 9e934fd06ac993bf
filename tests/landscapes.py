"""Functions whose minimum is known, and a sweep over them with parallel trials that end in random order."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hparam.dimension import Number
from hparam.optimizer import propose
from hparam.parameters import Parameter
from hparam.space import Space
from hparam.spec import OptimizerSettings

Point = Mapping[str, Any]

_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
_SHAPES = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_CENTRES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(point: Point) -> float:
    """Return Branin's function, which has three minima."""
    x, y = point["x"], point["y"]
    bowl = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(point: Point) -> float:
    """Return Hartmann's function of six variables, whose second-best basin is 0.12 above the minimum."""
    x = np.array([point[f"x{i}"] for i in range(6)])
    return -float(_WEIGHTS @ np.exp(-(_SHAPES * (x - _CENTRES) ** 2).sum(axis=1)))


@dataclass(frozen=True)
class Landscape:
    """A function, where it is searched, and its minimum."""

    name: str
    loss: Callable[[Point], float]
    space: Space
    minimum: float


BRANIN = Landscape(
    "Branin",
    branin,
    Space((Parameter("x", Number(-5.0, 10.0)), Parameter("y", Number(0.0, 15.0)))),
    0.397887,
)
HARTMANN6 = Landscape(
    "Hartmann6",
    hartmann6,
    Space(tuple(Parameter(f"x{i}", Number(0.0, 1.0)) for i in range(6))),
    -3.32237,
)


def drawn(space: Space, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return random points."""
    return [space.point(units) for units in np.random.default_rng(seed).random((count, len(space.names)))]


def told(landscape: Landscape, count: int, seed: int = 0) -> list[tuple[dict[str, Any], float]]:
    """Return random points and their losses."""
    return [(point, landscape.loss(point)) for point in drawn(landscape.space, count, seed)]


def simulate(
    parallel: int,
    evaluations: int,
    seed: int,
    ask: Callable[[int, list[int]], None],
    end: Callable[[int], None],
) -> None:
    """Call `ask(trial, running)` for every free slot, and `end(trial)` when a trial's random time is over."""
    rng = np.random.default_rng([seed, 99])
    running: list[tuple[float, int]] = []
    now, asked = 0.0, 0
    for _ in range(evaluations):
        while len(running) < parallel and asked < evaluations:
            ask(asked, sorted(trial for _, trial in running))
            heapq.heappush(running, (now + rng.uniform(0.5, 1.5), asked))
            asked += 1
        now, trial = heapq.heappop(running)
        end(trial)


def regrets(
    landscape: Landscape, settings: OptimizerSettings, evaluations: int, seed: int, parallel: int = 4
) -> list[float]:
    """Return after every evaluation by how much the best so far misses the minimum."""
    points: list[Point] = []
    losses: dict[int, float] = {}
    curve: list[float] = []

    def ask(trial: int, running: list[int]) -> None:
        finished = [(points[i], losses[i]) for i in sorted(losses)]
        found = propose(landscape.space, settings, seed, trial, finished, [points[i] for i in running])
        points.append(found.params)

    def end(trial: int) -> None:
        losses[trial] = landscape.loss(points[trial])
        curve.append(min(losses.values()) - landscape.minimum)

    simulate(parallel, evaluations, seed, ask, end)
    return curve
