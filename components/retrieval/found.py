"""What a search returns before row numbers become ids."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from components.retrieval.top_k import PADDING_SCORE

NOBODY = -1
# As far below any score as leaves room to add one to it.
NEVER = PADDING_SCORE / 4


class Found(NamedTuple):
    """Ranked candidates, best first.

    Attributes:
        scores: float32 `[b, k]`; the lowest float32 where fewer than k were found.
        rows: Numbers of the candidates, int64 `[b, k]`, -1 there.
    """

    scores: tf.Tensor
    rows: tf.Tensor

    def answer(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `ids`, string `[b, k]` from `[n]`, and `scores`; ids end in "" where scores are padding."""
        names = tf.gather(ids, tf.maximum(self.rows, 0))
        return {"ids": tf.where(self.rows >= 0, names, ""), "scores": self.scores}

    def only(self, kept: tf.Tensor, k: tf.Tensor | int) -> Found:
        """Return the first k of those that `kept`, bool `[b, K]`, says; K is at least k."""
        kept &= self.rows >= 0
        scores, places = tf.math.top_k(tf.where(kept, self.scores, PADDING_SCORE), k)
        kept = tf.gather(kept, places, batch_dims=1)
        return Found(scores, tf.where(kept, tf.gather(self.rows, places, batch_dims=1), NOBODY))

    def where(self, chosen: tf.Tensor, other: Found) -> Found:
        """Return the rows of this one that are `chosen`, bool `[b]`, else those of the other."""
        chosen = chosen[:, tf.newaxis]
        return Found(tf.where(chosen, self.scores, other.scores), tf.where(chosen, self.rows, other.rows))
