"""The vectors of each cell, side by side so that a cell is read in one go: in full, or in eight bits.

c: queries of a chunk, p: cells of a query, l: room of a cell, d: length of a vector.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval.found import NEVER, NOBODY, Found
from components.retrieval.top_k import PADDING_SCORE

# Candidates by eight-bit scores for each answer, to be scored again in full.
_RESCORED = 2
_CODES = 127.0


class Lists(Protocol):
    """Score the vectors of chosen cells.

    Attributes:
        rows: The vectors of each cell, int32 `[cells, l]`, -1 fills up.
    """

    rows: tf.Variable

    def best(self, queries: tf.Tensor, cells: tf.Tensor, masked: tf.Tensor, k: tf.Tensor) -> Found:
        """Return the k best vectors of each query's cells.

        Args:
            queries: float32 `[c, d]`.
            cells: int32 `[c, p]`.
            masked: Added to scores, 0 or very low, float32 `[c, p * l]`.
            k: At most p * l.
        """


class FullLists(tf.Module):
    """Keep vectors as they are.

    Args:
        vectors: float32 `[n, d]`.
        rows: The vectors of each cell, int32 `[cells, l]`, -1 fills up.
    """

    def __init__(self, vectors: NDArray[Any], rows: NDArray[Any]) -> None:
        super().__init__()
        self.vectors = tf.Variable(_by_cell(vectors, rows), trainable=False, name="lists")
        self.rows = tf.Variable(rows, trainable=False, name="list_rows")

    def best(self, queries: tf.Tensor, cells: tf.Tensor, masked: tf.Tensor, k: tf.Tensor) -> Found:
        """Return the k best vectors of each query's cells, see `Lists`."""
        scores = _products(tf.gather(self.vectors, cells), queries)
        return _found(scores + masked, rows_of(self.rows, cells), k)


class QuantizedLists(tf.Module):
    """Keep one byte a number and a scale a vector; score twice as many as wanted again in full.

    Args:
        vectors: float32 `[n, d]`, to score again with; shared with whoever made the variable.
        rows: The vectors of each cell, int32 `[cells, l]`, -1 fills up.
    """

    def __init__(self, vectors: tf.Variable, rows: NDArray[Any]) -> None:
        super().__init__()
        by_cell = _by_cell(vectors.numpy(), rows)
        scales = np.abs(by_cell).max(axis=2) / _CODES
        codes = np.rint(by_cell / np.where(scales > 0, scales, 1)[:, :, np.newaxis])
        self.vectors = vectors
        self.rows = tf.Variable(rows, trainable=False, name="list_rows")
        self.codes = tf.Variable(codes.astype(np.int8), trainable=False, name="codes")
        self.scales = tf.Variable(scales.astype(np.float32), trainable=False, name="scales")

    def best(self, queries: tf.Tensor, cells: tf.Tensor, masked: tf.Tensor, k: tf.Tensor) -> Found:
        """Return the k best vectors of each query's cells, see `Lists`."""
        scores = _products(tf.cast(tf.gather(self.codes, cells), tf.float32), queries)
        scores *= tf.reshape(tf.gather(self.scales, cells), tf.shape(scores))
        several = tf.minimum(_RESCORED * k, tf.shape(scores)[1])
        rough = _found(scores + masked, rows_of(self.rows, cells), several)
        again = tf.gather(self.vectors, tf.maximum(rough.rows, 0))
        exact = tf.linalg.matmul(again, queries[:, :, tf.newaxis])[:, :, 0]
        return Found(exact, rough.rows).only(rough.rows >= 0, k)


def rows_of(rows: tf.Tensor, cells: tf.Tensor) -> tf.Tensor:
    """Return the rows in each query's cells, int64 `[c, p * l]`, -1 where a cell is not full."""
    found = tf.gather(rows, cells)
    return tf.cast(tf.reshape(found, [tf.shape(cells)[0], -1]), tf.int64)


def _by_cell(vectors: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    return np.where((rows >= 0)[:, :, np.newaxis], vectors[rows], np.float32(0))


def _products(lists: tf.Tensor, queries: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(lists)
    flat = tf.reshape(lists, [shape[0], shape[1] * shape[2], shape[3]])
    return tf.linalg.matmul(flat, queries[:, :, tf.newaxis])[:, :, 0]


def _found(scores: tf.Tensor, rows: tf.Tensor, k: tf.Tensor) -> Found:
    best, places = tf.math.top_k(scores, k)
    there = best > NEVER
    rows = tf.where(there, tf.gather(rows, places, batch_dims=1), NOBODY)
    return Found(tf.where(there, best, PADDING_SCORE), rows)
