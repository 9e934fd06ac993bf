"""The settings that a sweep may change, and how far."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError, LodestarError
from components.family import Family
from components.tuned import with_chosen
from hparam.dimension import Dimension
from hparam.parameters import Parameter, parse_parameters
from hparam.trials import Params
from hparam.validity import Validity

INACTIVE = 0.5


class SpaceExhausted(LodestarError):
    """Signal that every point of the space has been proposed."""


@dataclass(frozen=True)
class Space:
    """Parameters, those that others depend on first.

    Attributes:
        parameters: What is searched.
        validity: Tells which points the family's settings accept; None: all.
    """

    parameters: tuple[Parameter, ...]
    validity: Validity | None = None

    @staticmethod
    def parse(raw: Mapping[str, Any], family: Family, settings: Mapping[str, Any]) -> Space:
        """Return the space that the section `search` describes.

        Args:
            raw: The section, nested like the settings that it names.
            family: Whose settings are searched.
            settings: All sections of the base settings as JSON values.

        Raises:
            InputError: Something is wrong; the message lists every error.
        """
        validity = Validity(family, settings)
        space = Space(parse_parameters(raw, validity), validity)
        rng = np.random.default_rng(0)
        points = [space.point(row) for row in rng.random((64, len(space.parameters)))]
        if not any(map(space.accepts, points)):
            raise InputError(
                f"The settings refuse every point of the space: {validity.problem(points[0])}",
                source="search",
                cure="Narrow the ranges in `search`, or change the settings that are not searched.",
            )
        return space

    @property
    def names(self) -> tuple[str, ...]:
        """Return the parameters' dotted names, e.g. `train.learning_rate`."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Return what each parameter may be."""
        return tuple(parameter.dimension for parameter in self.parameters)

    def active(self, params: Params) -> tuple[str, ...]:
        """Return the names of the parameters whose conditions hold at a point."""
        found: list[str] = []
        for parameter in self.parameters:
            if parameter.holds({name: params[name] for name in found if name in params}):
                found.append(parameter.name)
        return tuple(found)

    def contains(self, params: Params) -> bool:
        """Return whether a point has a value in range for every active parameter and no other."""
        if set(self.active(params)) != set(params):
            return False
        return all(p.dimension.contains(params[p.name]) for p in self.parameters if p.name in params)

    def accepts(self, params: Params) -> bool:
        """Return whether the settings with the point put in are valid."""
        return self.validity is None or not self.validity.problem(params)

    @property
    def default(self) -> dict[str, Any] | None:
        """Return the point that the base settings are; None when they lie outside."""
        if self.validity is None:
            return None
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            if parameter.holds(params):
                params[parameter.name] = self.validity.value(parameter.name)
        return params if self.contains(params) else None

    def unit(self, params: Params) -> NDArray[Any]:
        """Return a point's place in the unit cube; the middle for an inactive parameter."""
        return np.array(
            [p.dimension.unit(params[p.name]) if p.name in params else INACTIVE for p in self.parameters]
        )

    def point(self, unit: NDArray[Any]) -> dict[str, Any]:
        """Return the point at a place of the unit cube, without the parameters that are inactive there."""
        params: dict[str, Any] = {}
        for parameter, place in zip(self.parameters, unit, strict=True):
            if parameter.holds(params):
                params[parameter.name] = parameter.dimension.at(float(place))
        return params

    def snap(self, units: NDArray[Any]) -> NDArray[Any]:
        """Return for rows of places those of the points that they stand for."""
        snapped = np.column_stack([d.snap(units[:, i]) for i, d in enumerate(self.dimensions)])
        return np.where(self.active_columns(snapped), snapped, INACTIVE)

    def active_columns(self, units: NDArray[Any]) -> NDArray[Any]:
        """Return for rows of snapped places which of the parameters are active."""
        active = np.ones(units.shape, dtype=bool)
        column = {name: i for i, name in enumerate(self.names)}
        for i, parameter in enumerate(self.parameters):
            for name, values in parameter.when:
                j = column[name]
                places = [self.dimensions[j].unit(value) for value in values]
                active[:, i] &= active[:, j] & np.isclose(units[:, j, None], places).any(axis=1)
        return active

    @property
    def finite(self) -> bool:
        """Return whether the points can be counted."""
        return all(dimension.size is not None for dimension in self.dimensions)

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield every point of a finite space once."""
        yield from self._points({}, self.parameters)

    def _points(self, params: dict[str, Any], rest: Sequence[Parameter]) -> Iterator[dict[str, Any]]:
        if not rest:
            yield params
            return
        parameter = rest[0]
        held = parameter.holds(params)
        choices = [{parameter.name: value} for value in parameter.dimension.values()] if held else [{}]
        yield from itertools.chain.from_iterable(
            self._points({**params, **choice}, rest[1:]) for choice in choices
        )

    def settings(self, base: Mapping[str, Any], params: Params) -> dict[str, Any]:
        """Return settings with the point put in.

        Args:
            base: All sections as JSON values; they are not changed.
            params: Dotted setting -> value.
        """
        return with_chosen(base, params)
