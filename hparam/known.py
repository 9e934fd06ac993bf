"""The points that have been proposed, and what came of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import LodestarError
from hparam.space import Space
from hparam.trials import Params

Array = NDArray[Any]
# Closer points, in every parameter's unit interval, tell nothing new.
DISTANCE = 1e-3


class Known:
    """Finished and running points; those that lie outside the space are left out.

    Args:
        space: Where they lie.
        finished: Points and their losses.
        running: Points without one.

    Raises:
        LodestarError: A loss is no finite number.
    """

    def __init__(
        self, space: Space, finished: Sequence[tuple[Params, float]], running: Sequence[Params]
    ) -> None:
        for params, loss in finished:
            if isinstance(loss, bool) or not isinstance(loss, Real) or not math.isfinite(loss):
                raise LodestarError(
                    f"The loss {loss!r} of {dict(params)} is no finite number.",
                    cure="Count such a trial as failed.",
                )
        inside = [(params, float(loss)) for params, loss in finished if space.contains(params)]
        self.losses: Array = np.array([loss for _, loss in inside])
        self.finished_units = _rows(space, [params for params, _ in inside])
        self.running_units = _rows(space, [params for params in running if space.contains(params)])
        self.units: Array = np.vstack((self.finished_units, self.running_units))

    def near(self, units: Array) -> Array:
        """Return which rows of snapped places are known, or as good as known."""
        if not len(self.units):
            return np.zeros(len(units), dtype=bool)
        apart: Array = np.abs(units[:, None, :] - self.units[None, :, :]).max(axis=2)
        return np.asarray((apart < DISTANCE).any(axis=1))


def _rows(space: Space, points: Sequence[Params]) -> Array:
    rows = [space.unit(params) for params in points]
    return np.array(rows).reshape(len(rows), len(space.parameters))
