"""What a searched setting may be: a number in a range, or one of several values.

Every kind maps its values onto the unit interval and back, so that the rest of the search sees a unit cube.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 6


@dataclass(frozen=True)
class Number:
    """A number between two bounds that belong to it.

    Attributes:
        low: Lowest value.
        high: Highest value.
        log: Whether equal ratios, rather than equal differences, are equally far apart.
        integer: Whether only whole numbers count.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @property
    def size(self) -> int | None:
        """Return how many values there are; None where they are not counted."""
        return int(self.high) - int(self.low) + 1 if self.integer else None

    def values(self) -> Iterator[Any]:
        """Yield the whole numbers from low to high."""
        yield from range(int(self.low), int(self.high) + 1)

    def at(self, unit: float) -> Any:
        """Return the value at a place of the unit interval, as plain JSON."""
        start, end = self._ends()
        place = start + float(min(max(unit, 0.0), 1.0)) * (end - start)
        value = min(max(math.exp(place) if self.log else place, self.low), self.high)
        if self.integer:
            return int(min(max(round(value), self.low), self.high))
        # More digits would be noise, and a setting that nobody can type.
        scale = value if self.log else self.high - self.low
        rounded = round(value, DIGITS - 1 - math.floor(math.log10(scale)))
        return float(min(max(rounded, self.low), self.high))

    def unit(self, value: Any) -> float:
        """Return the place of a value in the unit interval."""
        start, end = self._ends()
        place = math.log(value) if self.log else float(value)
        return min(max((place - start) / (end - start), 0.0), 1.0)

    def snap(self, units: NDArray[Any]) -> NDArray[Any]:
        """Return for places of the unit interval those of the nearest values."""
        units = np.clip(units, 0.0, 1.0)
        if not self.integer:
            return units
        start, end = self._ends()
        places = start + units * (end - start)
        values = np.clip(np.rint(np.exp(places) if self.log else places), self.low, self.high)
        return ((np.log(values) if self.log else values) - start) / (end - start)

    def contains(self, value: Any) -> bool:
        """Return whether a value is one of these."""
        if isinstance(value, bool) or not isinstance(value, int if self.integer else (int, float)):
            return False
        return bool(self.low <= value <= self.high)

    def _ends(self) -> tuple[float, float]:
        # Half a step beyond the bounds of whole numbers, so that the ends are as likely as the others.
        edge = 0.5 if self.integer else 0.0
        low, high = self.low - edge, self.high + edge
        return (math.log(low), math.log(high)) if self.log else (low, high)


@dataclass(frozen=True)
class Choice:
    """One of several values without an order.

    Attributes:
        options: Plain JSON values, each once.
    """

    options: tuple[Any, ...]

    @property
    def size(self) -> int:
        """Return how many values there are."""
        return len(self.options)

    def values(self) -> Iterator[Any]:
        """Yield the values as they were written."""
        yield from self.options

    def at(self, unit: float) -> Any:
        """Return the value at a place of the unit interval."""
        return self.options[min(max(int(unit * self.size), 0), self.size - 1)]

    def unit(self, value: Any) -> float:
        """Return the place of a value in the unit interval: the middle of its share."""
        return (self.index(value) + 0.5) / self.size

    def snap(self, units: NDArray[Any]) -> NDArray[Any]:
        """Return for places of the unit interval those of the values there."""
        return (np.clip(np.floor(units * self.size), 0, self.size - 1) + 0.5) / self.size

    def contains(self, value: Any) -> bool:
        """Return whether a value is one of these."""
        return any(same(value, option) for option in self.options)

    def index(self, value: Any) -> int:
        """Return the number of a value among these."""
        return next(i for i, option in enumerate(self.options) if same(value, option))


Dimension = Number | Choice


def same(one: Any, other: Any) -> bool:
    """Return whether two plain values are the same, in type too."""
    # 1 == True and 1 == 1.0 in Python, but not in settings.
    return type(one) is type(other) and bool(one == other)
