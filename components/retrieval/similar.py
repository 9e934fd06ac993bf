"""The nearest neighbours of a candidate among the others."""

from __future__ import annotations

import tensorflow as tf

from components.retrieval.filters import not_excluded
from components.retrieval.top_k import top_k


def similar(rows: tf.Tensor, vectors: tf.Tensor, ids: tf.Tensor, k: int) -> dict[str, tf.Tensor]:
    """Return the candidates with the greatest cosine to each given one, without itself.

    Args:
        rows: The given candidates, int `[b]`; a number that is no candidate's gets all padding.
        vectors: float32 `[n, d]`; a candidate whose vector is zero has no neighbours and is none.
        ids: Ids of the candidates, string `[n]`.
        k: Length of each answer, at most n.

    Returns:
        `ids`, string `[b, k]`, and `scores`, the cosine, float32 `[b, k]`, padded as `top_k` pads them.
    """
    count = int(ids.shape[0])
    rows = tf.cast(rows, tf.int64)
    known = (rows >= 0) & (rows < count)
    units = tf.math.l2_normalize(vectors, axis=1)
    scores = tf.matmul(tf.gather(units, tf.where(known, rows, 0)), units, transpose_b=True)
    there = tf.reduce_any(vectors != 0.0, axis=1)
    mine = known & tf.gather(there, tf.where(known, rows, 0))
    allowed = not_excluded(rows[:, tf.newaxis], count) & there & mine[:, tf.newaxis]
    return top_k(scores, allowed, ids, k)


def vectors_of(rows: tf.Tensor, vectors: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the `embedding` of each candidate, float32 `[b, d]`; zeros for a number that is none's.

    Args:
        rows: int `[b]`.
        vectors: float32 `[n, d]`.
    """
    rows = tf.cast(rows, tf.int64)
    known = (rows >= 0) & (rows < tf.shape(vectors, tf.int64)[0])
    found = tf.gather(vectors, tf.where(known, rows, 0))
    return {"embedding": tf.where(known[:, tf.newaxis], found, 0.0)}
