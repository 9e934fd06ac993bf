"""Make an index of vectors: divide them, and choose how many cells a query has to search."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval.cells import divide
from components.retrieval.exact import Exact
from components.retrieval.filters import Filters
from components.retrieval.found import Found
from components.retrieval.ivf import EXHAUSTIVE, Ivf
from components.retrieval.lists import FullLists, Lists, QuantizedLists

_LOG = logging.getLogger(__name__)
_TRIED = 512
_DEPTH = 10
# What is aimed at lies that share of the way to 1 above what is asked for: other queries will be asked.
_MARGIN = 0.2
# Cells differ in size and filters take candidates away: a query's cells are to hold so many times an answer.
_ROOM = 2


@dataclass(frozen=True)
class IndexOptions:
    """Which index, and how exact.

    Attributes:
        kind: `exact` scores every candidate, `ivf` those of the nearest cells.
        quantized: Keep the cells' vectors in eight bits.
        cells: To begin with; 0: four times the root of the number of vectors.
        n_probe: Cells to search; 0: as many as find `min_recall` of the neighbours, and some more.
        min_recall: Share of the true ten nearest that is to be found.
        seed: Of every draw.
        answer: Length of the answers; cells that hold fewer candidates lead to a search of all.
    """

    kind: Literal["exact", "ivf"]
    quantized: bool = False
    cells: int = 0
    n_probe: int = 0
    min_recall: float = 0.95
    seed: int = 0
    answer: int = 10

    @classmethod
    def of(cls, settings: Any, seed: int, answer: int) -> IndexOptions:
        """Return what the section `serve.index` of a family's settings asks for."""
        names = ("kind", "quantized", "cells", "n_probe", "min_recall")
        return cls(**{name: getattr(settings, name) for name in names}, seed=seed, answer=answer)


class Index(Protocol):
    """Find the best candidates for a vector."""

    def search(
        self, queries: tf.Tensor, k: int, filters: Filters | None, n_probe: tf.Tensor | None = None
    ) -> Found:
        """Return the k best candidates of each query, float32 `[b, d]`."""


def build(vectors: tf.Variable, queries: NDArray[Any], options: IndexOptions) -> Exact | Ivf:
    """Return an index.

    Args:
        vectors: float32 `[n, d]`, n >= 1; candidates are ranked by their inner product with a query.
        queries: Such as will be asked, float32 `[q, d]`; at most 512 of them, drawn by the seed, are used to
            choose `n_probe`. None of them: the vectors stand in.
        options: Which index.
    """
    exact = Exact(vectors)
    if options.kind == "exact":
        return exact
    values = vectors.numpy()
    count = min(options.cells or max(1, int(4 * np.sqrt(len(values)))), len(values))
    cells = divide(values, count, options.seed)
    lists: Lists = QuantizedLists(vectors, cells.rows) if options.quantized else FullLists(values, cells.rows)
    probes = options.n_probe
    if not probes:
        tried = _drawn(queries if len(queries) else values, options.seed)
        aim = options.min_recall + _MARGIN * (1 - options.min_recall)
        needed = _ROOM * options.answer * len(cells.rows) / len(values)
        probes = max(cells.probes(tried, _neighbours(exact, tried), aim), int(np.ceil(needed)))
    if probes > len(cells.rows) // EXHAUSTIVE:
        _LOG.warning(
            "the index would have to search %d of its %d cells: it scores all %d candidates instead",
            *(probes, len(cells.rows), len(values)),
        )
    return Ivf(cells, lists, exact, probes)


def _drawn(queries: NDArray[Any], seed: int) -> NDArray[Any]:
    random = np.random.default_rng(seed)
    chosen = random.choice(len(queries), min(len(queries), _TRIED), replace=False)
    return np.asarray(queries[np.sort(chosen)], np.float32)


def _neighbours(exact: Exact, queries: NDArray[Any]) -> NDArray[Any]:
    depth = min(_DEPTH, int(exact.vectors.shape[0]))
    parts = [
        exact.search(tf.constant(queries[i : i + 16]), depth, None).rows for i in range(0, len(queries), 16)
    ]
    return np.concatenate([part.numpy() for part in parts])
