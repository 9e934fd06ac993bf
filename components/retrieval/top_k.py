"""Exact top-k over all candidates, in plain TensorFlow ops."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

PADDING_SCORE = float(np.finfo(np.float32).min)


def top_k(scores: tf.Tensor, allowed: tf.Tensor, ids: tf.Tensor, k: int) -> dict[str, tf.Tensor]:
    """Return the k best allowed candidates of each row, best first.

    Args:
        scores: float32 `[b, n]`.
        allowed: bool `[b, n]`; candidates that are not allowed never appear.
        ids: Ids of the candidates, string `[n]`.
        k: Length of each answer, at most n.

    Returns:
        `ids`, string `[b, k]`, and `scores`, float32 `[b, k]`. Equal scores come in the candidates' order. A
        row with fewer than k allowed candidates ends in "" and the lowest float32, which JSON can carry.
    """
    best, candidates = tf.math.top_k(tf.where(allowed, scores, PADDING_SCORE), k)
    found = tf.gather(allowed, candidates, batch_dims=1)
    return {"ids": tf.where(found, tf.gather(ids, candidates), ""), "scores": best}
