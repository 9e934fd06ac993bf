"""Count requests and time them, under the names and in the buckets that TensorFlow Serving exports.

The names start with a colon and counters have no `_total`, which Prometheus' own client library would add;
so the exposition is written here.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from .errors import Code

CONTENT_TYPE = "text/plain"
OTHER_MODEL = "(other)"

_MAX_PATHS = 1000
_TYPE = "# TYPE {} {}"
_T = TypeVar("_T")


def exponential(scale: float, growth: float, count: int) -> list[float]:
    """Return the upper bounds of `count` buckets, each `growth` times the one before."""
    return [scale * growth**power for power in range(count)]


class Counter:
    """A number that only grows, one for each combination of label values."""

    def __init__(self, name: str, labels: Sequence[str]) -> None:
        self.name = name
        self._labels = labels
        self._values: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, values: tuple[str, ...], amount: int = 1) -> None:
        """Add to the number of these label values."""
        with self._lock:
            self._values[values] = self._values.get(values, 0) + amount

    def lines(self) -> Iterator[str]:
        """Return the exposition; nothing before the first `add`."""
        with self._lock:
            values = dict(self._values)
        if values:
            yield _TYPE.format(self.name, "counter")
        for labels, value in values.items():
            yield f"{self.name}{{{_pairs(self._labels, labels)}}} {value}"


class Histogram:
    """How often values fell into each bucket, for each combination of label values."""

    def __init__(self, name: str, labels: Sequence[str], limits: Sequence[float]) -> None:
        self.name = name
        self._labels = labels
        self._limits = limits
        self._texts = [*(f"{limit:g}" for limit in limits), "+Inf"]
        self._cells: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}
        self._lock = threading.Lock()

    def add(self, values: tuple[str, ...], value: float) -> None:
        """Count one value under these label values."""
        bucket = bisect_left(self._limits, value)
        with self._lock:
            cell = self._cells.get(values)
            if cell is None:
                cell = self._cells[values] = ([0] * len(self._texts), [0.0])
            cell[0][bucket] += 1
            cell[1][0] += value

    def lines(self) -> Iterator[str]:
        """Return the exposition; nothing before the first `add`."""
        with self._lock:
            cells = {labels: (list(counts), total) for labels, (counts, [total]) in self._cells.items()}
        if cells:
            yield _TYPE.format(self.name, "histogram")
        for labels, (counts, total) in cells.items():
            pairs = _pairs(self._labels, labels)
            cumulative = 0
            for text, count in zip(self._texts, counts, strict=True):
                cumulative += count
                yield f'{self.name}_bucket{{{pairs},le="{text}"}} {cumulative}'
            yield f"{self.name}_sum{{{pairs}}} {total:.10g}"
            yield f"{self.name}_count{{{pairs}}} {cumulative}"


class Metrics:
    """What a server exports; every method may be called from many threads at once.

    Args:
        is_known: Whether a model has ever been there. Requests name models freely: all names that were never
            there share one label value, so that typing errors do not fill the monitoring's memory.
        max_models: Names with label values of their own; later ones share that value too.
    """

    def __init__(self, is_known: Callable[[str], bool] = lambda model: True, max_models: int = 100) -> None:
        self._is_known = is_known
        self._max_models = max_models
        self._models: set[str] = {""}
        self._paths: set[str] = set()
        micros = exponential(10, 1.8, 33)
        served, loaded = ":tensorflow:serving:", ":tensorflow:cc:saved_model:"
        self._requests = Counter(f"{served}request_count", ("model_name", "status"))
        self._latency = Histogram(f"{served}request_latency", ("model_name", "API", "entrypoint"), micros)
        self._runtime = Histogram(f"{served}runtime_latency", ("model_name", "API", "runtime"), micros)
        self._examples = Histogram(f"{served}request_example_counts", ("model",), exponential(1, 2, 15))
        self._example_total = Counter(f"{served}request_example_count_total", ("model",))
        self._loads = Counter(f"{loaded}load_attempt_count", ("model_path", "status"))
        self._load_micros = Counter(f"{loaded}load_latency", ("model_path",))

    def request(self, model: str, api: str, entrypoint: str, code: Code, seconds: float) -> None:
        """Count one request and, when it succeeded, how long it took."""
        name = self._label(model)
        self._requests.add((name, code.name))
        if code is Code.OK:
            self._latency.add((name, api, entrypoint), 1e6 * seconds)

    def run(self, model: str, api: str, compute: Callable[..., _T], *args: Any) -> _T:
        """Return `compute(*args)` and time it as TensorFlow's part of a request."""
        started = perf_counter()
        result = compute(*args)
        self._runtime.add((self._label(model), api, "TF1"), 1e6 * (perf_counter() - started))
        return result

    def examples(self, model: str, count: int) -> None:
        """Count the examples of one classification or regression."""
        name = self._label(model)
        self._examples.add((name,), count)
        self._example_total.add((name,), count)

    def loading(self, load: Callable[..., _T]) -> Callable[..., _T]:
        """Return `load`, which gets a version's folder first, so that its calls are counted and timed."""

        def counted(path: Path, *args: Any, **options: Any) -> _T:
            started = perf_counter()
            label = self._path(str(path))
            try:
                loaded = load(path, *args, **options)
            except Exception:
                self._loads.add((label, "fail"))
                raise
            self._loads.add((label, "success"))
            self._load_micros.add((label,), int(1e6 * (perf_counter() - started)))
            return loaded

        return counted

    def render(self) -> str:
        """Return everything in Prometheus' text format."""
        families = (
            self._loads,
            self._load_micros,
            self._examples,
            self._example_total,
            self._requests,
            self._latency,
            self._runtime,
        )
        return "".join(f"{line}\n" for family in families for line in family.lines())

    def _label(self, model: str) -> str:
        if model not in self._models:
            if len(self._models) > self._max_models or not self._is_known(model):
                return OTHER_MODEL
            self._models.add(model)
        return model

    def _path(self, path: str) -> str:
        if len(self._paths) < _MAX_PATHS:
            self._paths.add(path)
        return path if path in self._paths else OTHER_MODEL


def _pairs(names: Sequence[str], values: tuple[str, ...]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
