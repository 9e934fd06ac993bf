"""What the losses of a space look like, from those of a few points; the models are scikit-optimize's."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from skopt.learning import ExtraTreesRegressor, GaussianProcessRegressor, GradientBoostingQuantileRegressor
from skopt.learning.gaussian_process.kernels import ConstantKernel, Matern

from hparam.acquisition import gradient, log_improvement
from hparam.dimension import Choice, Dimension
from hparam.space import Space

Array = NDArray[Any]
# Losses further from the median than so many times its distance to the upper quartile are drawn in.
OUTLIER = 20.0
# In unit intervals. With few points a longer one would rule out that a parameter matters.
LENGTH_SCALES = (0.05, 10.0)


class Surrogate:
    """A model of the losses.

    Args:
        space: Where the points lie.
        kind: `gp`: a Gaussian process; `et`: extremely randomised trees; `gbrt`: boosted trees.
        seed: Of the model.
    """

    def __init__(self, space: Space, kind: str, seed: int) -> None:
        self._space = space
        self._kind = kind
        self._seed = seed
        self._columns = _columns(space)

    def fit(self, units: Array, losses: Array) -> None:
        """Learn from points that are finished.

        Args:
            units: Rows of snapped places, two or more.
            losses: One for each.
        """
        drawn_in = without_outliers(losses)
        self._mean, self._scale = float(drawn_in.mean()), float(drawn_in.std()) or 1.0
        self._x, self._y = self._encode(units), (drawn_in - self._mean) / self._scale
        self._model = self._estimator()
        self._model.fit(self._x, self._y)

    def believe(self, units: Array, lie: Literal["believer", "cl_min"]) -> None:
        """Learn from points that still run.

        Args:
            units: Rows of snapped places.
            lie: What they are taken to come out at: the mean here (`believer`), or the best loss so far.
        """
        x = self._encode(units)
        lies = self._model.predict(x) if lie == "believer" else np.full(len(x), self._y.min())
        self._x, self._y = np.vstack((self._x, x)), np.concatenate((self._y, lies))
        if self._kind == "gp":
            # Lies say nothing about how smooth the losses are.
            noise, kernel = self._model.noise_, self._model.kernel_.k1
            self._model = GaussianProcessRegressor(kernel, alpha=noise, optimizer=None)
        self._model.fit(self._x, self._y)

    def expected(self, units: Array) -> Array:
        """Return the losses that are expected at rows of places."""
        mean: Array = self._model.predict(self._encode(self._space.snap(units)))
        return mean * self._scale + self._mean

    def improvement(self, units: Array) -> Array:
        """Return how much rows of snapped places promise, as the logarithm of the expected improvement."""
        mean, deviation = self._model.predict(self._encode(units), return_std=True)
        return log_improvement(mean, deviation, float(self._y.min()))

    def slope(self, place: Array, column: Array) -> tuple[float, Array]:
        """Return what a place promises, and the gradient by the parameters in `column`; only for `gp`."""
        mean, deviation, mean_slope, deviation_slope = self._model.predict(
            self._encode(place[None, :]), return_std=True, return_mean_grad=True, return_std_grad=True
        )
        best = float(self._y.min())
        by_mean, by_deviation = gradient(mean, deviation, best)
        slope = by_mean * mean_slope + by_deviation * deviation_slope
        return float(log_improvement(mean, deviation, best)[0]), slope[self._columns[column]]

    def _encode(self, units: Array) -> Array:
        # A column for a number, one for each option of a choice; all 0 where the choice is inactive.
        active = self._space.active_columns(units)
        columns = []
        for i, dimension in enumerate(self._space.dimensions):
            if size := _options(dimension):
                option = np.floor(units[:, i, None] * size)
                columns.append((option == np.arange(size)) * active[:, i, None].astype(float))
            else:
                columns.append(units[:, i, None])
        return np.hstack(columns)

    def _estimator(self) -> Any:
        if self._kind == "et":
            return ExtraTreesRegressor(n_estimators=100, min_samples_leaf=3, random_state=self._seed)
        if self._kind == "gbrt":
            return GradientBoostingQuantileRegressor(random_state=self._seed)
        features = self._x.shape[1]
        kernel = ConstantKernel(1.0, (0.01, 1000.0)) * Matern(
            np.ones(features), [LENGTH_SCALES] * features, nu=2.5
        )
        return GaussianProcessRegressor(
            kernel, noise="gaussian", n_restarts_optimizer=2, random_state=self._seed
        )


def without_outliers(losses: Array) -> Array:
    """Return losses with those at the bad end that are far from most of them drawn in.

    One diverged trial would otherwise make all others look alike.
    """
    losses = np.clip(losses, -1e100, 1e100)
    middle, upper = np.quantile(losses, (0.5, 0.75))
    if upper > middle:
        losses = np.minimum(losses, middle + OUTLIER * (upper - middle))
    return losses


def _options(dimension: Dimension) -> int:
    return dimension.size if isinstance(dimension, Choice) and dimension.size > 2 else 0


def _columns(space: Space) -> Array:
    widths = [_options(dimension) or 1 for dimension in space.dimensions]
    return np.concatenate(([0], np.cumsum(widths)[:-1])).astype(int)
