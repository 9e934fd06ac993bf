"""Expected improvement in logarithms, so that it still tells places apart where hardly any is expected."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

Array = NDArray[Any]
_LOG_ROOT = 0.5 * math.log(2 * math.pi)
_TAIL = -10.0
_LEAST = 1e-9


def log_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Return the logarithm of by how much normal variables are expected to be below the best.

    Args:
        mean: Of each variable.
        deviation: Of each variable, 0 or more.
        best: What is to be improved upon.
    """
    deviation = np.maximum(deviation, _LEAST)
    return np.log(deviation) + _log_h((best - mean) / deviation)


def gradient(mean: Array, deviation: Array, best: float) -> tuple[Array, Array]:
    """Return the derivatives of `log_improvement` by mean and by deviation."""
    deviation = np.maximum(deviation, _LEAST)
    z = (best - mean) / deviation
    total = np.log(deviation) + _log_h(z)
    return -np.exp(log_ndtr(z) - total), np.exp(-0.5 * z * z - _LOG_ROOT - total)


def _log_h(z: Array) -> Array:
    # log(pdf(z) + z cdf(z)); far below 0 the two terms cancel, so there it is the asymptotic series.
    near, far = np.maximum(z, _TAIL), np.minimum(z, _TAIL)
    exact = np.log(np.exp(-0.5 * near * near - _LOG_ROOT) + near * ndtr(near))
    square = far * far
    series = np.log1p((-3 + (15 - 105 / square) / square) / square)
    return np.where(z > _TAIL, exact, -0.5 * square - _LOG_ROOT - np.log(square) + series)
