"""The best of all candidates by inner product: one product of matrices and a partial sort."""

from __future__ import annotations

import tensorflow as tf

from components.retrieval.filters import Filters
from components.retrieval.found import NOBODY, Found
from components.retrieval.top_k import PADDING_SCORE


class Exact(tf.Module):
    """Score every candidate.

    Args:
        vectors: float32 `[n, d]`; a variable is shared with whoever made it.
    """

    def __init__(self, vectors: tf.Variable) -> None:
        super().__init__()
        self.vectors = vectors

    def search(
        self, queries: tf.Tensor, k: int, filters: Filters | None, n_probe: tf.Tensor | None = None
    ) -> Found:
        """Return the k best candidates of each query; equal scores in the candidates' order.

        Args:
            queries: float32 `[b, d]`.
            k: At most n.
            filters: What may be found; None: everything.
            n_probe: Not used, as there are no cells.
        """
        del n_probe
        scores = tf.matmul(queries, self.vectors, transpose_b=True)
        allowed = None if filters is None else filters.allow()
        if allowed is not None:
            scores = tf.where(allowed, scores, PADDING_SCORE)
        best, rows = tf.math.top_k(scores, k)
        rows = tf.cast(rows, tf.int64)
        if allowed is None:
            return Found(best, rows)
        return Found(best, tf.where(tf.gather(allowed, rows, batch_dims=1), rows, NOBODY))
