"""Marks of a chart as SVG text: axes with ticks, lines, areas, dots; their colours are the page's."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

LEFT, RIGHT, TOP, BOTTOM = 64.0, 16.0, 12.0, 40.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Point = tuple[float, float]


@dataclass
class Plot:
    """A chart under construction.

    Attributes:
        label: What the chart shows, for those who do not see it.
        x: Lowest and highest value of the horizontal axis.
        y: The same of the vertical one.
        width: In pixels, as is `height`.
    """

    label: str
    x: tuple[float, float]
    y: tuple[float, float]
    width: float = 860.0
    height: float = 320.0
    marks: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """Return where a point is drawn."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1.0)
        return (
            LEFT + across * (self.width - LEFT - RIGHT),
            self.height - BOTTOM - up * (self.height - TOP - BOTTOM),
        )

    def line(self, points: Iterable[Point], kind: str) -> None:
        """Draw a line through points; `kind` is its class in the page's style, here and below."""
        self.marks.append(f'<polyline class="{kind}" points="{self._path(points)}"/>')

    def area(self, low: Sequence[Point], high: Sequence[Point], kind: str) -> None:
        """Fill between two lines."""
        self.marks.append(f'<polygon class="{kind}" points="{self._path([*low, *reversed(high)])}"/>')

    def dot(self, point: Point, kind: str, says: str) -> None:
        """Draw a dot that says something when it is pointed at or reached by keyboard."""
        x, y = self.at(*point)
        self.marks.append(spoken(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"', kind, says, "circle"))

    def bar(self, start: Point, end: Point, kind: str, says: str) -> None:
        """Draw a bar between two corners; like a dot it says something."""
        (x, low), (right, high) = self.at(*start), self.at(*end)
        shape = (
            f'<rect x="{x:.1f}" y="{high:.1f}" width="{max(right - x, 1.5):.1f}" height="{low - high:.1f}"'
        )
        self.marks.append(spoken(shape, kind, says, "rect"))

    def text(self, x: float, y: float, words: str, anchor: str = "middle") -> None:
        """Write words at pixels."""
        self.marks.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>')

    def across(self, title: str, ticks: Sequence[float] | None = None, unit: str = "") -> None:
        """Draw the horizontal axis."""
        floor = self.height - BOTTOM
        for tick in nice_ticks(*self.x) if ticks is None else ticks:
            x, _ = self.at(tick, self.y[0])
            self._rule(x, TOP, x, floor)
            self.text(x, floor + 16, f"{number(tick)}{unit}")
        self.text((LEFT + self.width - RIGHT) / 2, self.height - 6, title)

    def up(self, title: str) -> None:
        """Draw the vertical axis."""
        for tick in nice_ticks(*self.y):
            _, y = self.at(self.x[0], tick)
            self._rule(LEFT, y, self.width - RIGHT, y)
            self.text(LEFT - 6, y + 4, number(tick), "end")
        middle = self.height / 2
        place = f'x="14" y="{middle}" transform="rotate(-90 14 {middle})"'
        self.marks.append(f'<text {place} text-anchor="middle">{escape(title)}</text>')

    def svg(self) -> str:
        """Return the chart."""
        label = f'role="group" aria-label="{escape(self.label)}"'
        return f'<svg viewBox="0 0 {self.width:g} {self.height:g}" {label}>{"".join(self.marks)}</svg>'

    def _rule(self, x1: float, y1: float, x2: float, y2: float) -> None:
        self.marks.append(f'<line class="rule" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def _path(self, points: Iterable[Point]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*point) for point in points))


def spoken(shape: str, kind: str, says: str, tag: str) -> str:
    """Return a shape that shows words when it is pointed at and reads them out when it has the focus."""
    words = escape(says)
    return (
        f'{shape} class="{kind}" tabindex="0" role="img" aria-label="{words}"><title>{words}</title></{tag}>'
    )


def number(value: float) -> str:
    """Return a number in at most four digits, without zeros that say nothing."""
    return f"{value:.4g}"


def nice_ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Return round numbers from low to high, about so many."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in _STEPS if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """Return the lowest and the highest value with some room around."""
    low, high = min(values), max(values)
    room = (high - low) * share or abs(high) * share or 1.0
    return low - room, high + room
