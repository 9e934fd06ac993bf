"""Diversity: maximal marginal relevance, so that an answer is not ten times the same thing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def maximal_marginal_relevance(
    scores: Sequence[float], vectors: NDArray[np.float32], diversity: float
) -> list[int]:
    """Return the order of candidates, best first.

    Each place goes to the candidate with the highest `(1 - diversity) * relevance - diversity * likeness`:
    relevance is the score scaled to [0, 1], likeness the highest cosine to what is placed before. With
    diversity 0 the order of the scores is kept; equal candidates keep theirs.

    Args:
        scores: One per candidate.
        vectors: float32 `[n, d]`, one per candidate; zeros are like nothing.
        diversity: In [0, 1].
    """
    count = len(scores)
    relevance = _scaled(np.asarray(scores, np.float64))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.zeros_like(vectors, np.float64), where=lengths > 0)
    likeness = np.full(count, -np.inf)
    left = np.ones(count, bool)
    order: list[int] = []
    for _ in range(count):
        penalty = np.zeros(count) if not order else likeness
        value = np.where(left, (1 - diversity) * relevance - diversity * penalty, -np.inf)
        best = int(np.argmax(value))
        order.append(best)
        left[best] = False
        likeness = np.maximum(likeness, units @ units[best])
    return order


def by_categories(categories: Sequence[frozenset[str]]) -> NDArray[np.float32]:
    """Return vectors for items that have none: one dimension per category, `[n, c]`."""
    names = sorted(frozenset().union(*categories))
    rows = [[float(name in row) for name in names] for row in categories]
    return np.asarray(rows, np.float32).reshape(len(categories), len(names))


def _scaled(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = np.nan_to_num(scores, posinf=0.0, neginf=0.0)
    low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
    return (finite - low) / (high - low) if high > low else np.ones_like(finite)
