"""Divide vectors into cells of nearly equal directions, none larger than a list has room for.

n: vectors, d: their length, c: cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

_ITERATIONS = 10
# More vectors than that for each cell move its centre no further.
_SAMPLED_PER_CELL = 40
# 16 MB of similarities at a time to 4,096 cells: what a cache holds.
_AT_ONCE = 1_024
# Rows of a list: whole registers of the widest vector instructions.
_MULTIPLE = 16
_ROOM = 1.25


@dataclass(frozen=True)
class Cells:
    """A division of vectors into cells.

    Attributes:
        centres: Mean direction of each cell, float32 `[c, d]`, of length 1 (0 when all its vectors are 0).
        rows: The vectors of each cell by row number, int32 `[c, room]`; -1 fills up.
    """

    centres: NDArray[Any]
    rows: NDArray[Any]

    def probes(self, queries: NDArray[Any], neighbours: NDArray[Any], recall: float) -> int:
        """Return how many cells a query has to search to find that share of its neighbours on average.

        Args:
            queries: float32 `[q, d]`.
            neighbours: Row numbers of the true neighbours, int `[q, k]`.
            recall: In 0..1.
        """
        cell_of = np.empty(int(self.rows.max()) + 1, np.int64)
        where = np.nonzero(self.rows >= 0)
        cell_of[self.rows[where]] = where[0]
        similar = queries @ self.centres.T
        mine = np.take_along_axis(similar, cell_of[neighbours], axis=1)
        # A neighbour is found once its cell is searched: after those that are nearer to the query.
        before = np.sort((similar[:, np.newaxis, :] > mine[:, :, np.newaxis]).sum(axis=2).ravel())
        return int(before[max(0, int(np.ceil(recall * len(before))) - 1)]) + 1


def divide(vectors: NDArray[Any], count: int, seed: int) -> Cells:
    """Return cells by spherical k-means; those with too many vectors are cut in halves.

    Args:
        vectors: float32 `[n, d]`; their lengths do not matter.
        count: How many cells to begin with, at most n.
        seed: Of the sample and the first centres; the same one gives the same cells.
    """
    units = _unit(vectors)
    random = np.random.default_rng(seed)
    size = min(len(units), count * _SAMPLED_PER_CELL)
    sample = units[np.sort(random.choice(len(units), size, replace=False))]
    centres = sample[random.choice(size, count, replace=False)]
    for _ in range(_ITERATIONS):
        centres = _centres(sample, _nearest(sample, centres), centres)
    nearest = _nearest(units, centres)
    order = np.argsort(nearest, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(nearest, minlength=count))[:-1])
    room = -(-int(np.ceil(_ROOM * len(units) / count)) // _MULTIPLE) * _MULTIPLE
    parts = [part for rows in members if len(rows) for part in _cut(units, rows, room)]
    padded = np.full((len(parts), room), -1, np.int32)
    for cell, rows in enumerate(parts):
        padded[cell, : len(rows)] = rows
    return Cells(_unit(np.stack([units[rows].mean(axis=0) for rows in parts])), padded)


def _cut(units: NDArray[Any], rows: NDArray[Any], room: int) -> list[NDArray[Any]]:
    # Along the direction in which the cell extends most, into parts of the same size.
    if len(rows) <= room:
        return [rows]
    middle = units[rows] - units[rows].mean(axis=0)
    axis = np.linalg.eigh(middle.T @ middle)[1][:, -1]
    ranked = rows[np.argsort(middle @ axis, kind="stable")]
    half = -(-len(rows) // room) // 2 * len(rows) // -(-len(rows) // room)
    return [*_cut(units, ranked[:half], room), *_cut(units, ranked[half:], room)]


def _centres(sample: NDArray[Any], nearest: NDArray[Any], before: NDArray[Any]) -> NDArray[Any]:
    # A cell that lost all its vectors keeps its centre.
    ends = np.arange(len(sample) + 1)
    belongs = sp.csr_matrix((np.ones(len(sample), np.float32), nearest, ends), (len(sample), len(before)))
    sums = np.asarray(belongs.T @ sample)
    return np.where(sums.any(axis=1, keepdims=True), _unit(sums), before)


def _nearest(units: NDArray[Any], centres: NDArray[Any]) -> NDArray[Any]:
    parts = [
        np.argmax(units[start : start + _AT_ONCE] @ centres.T, axis=1)
        for start in range(0, len(units), _AT_ONCE)
    ]
    return np.concatenate(parts)


def _unit(rows: NDArray[Any]) -> NDArray[Any]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
