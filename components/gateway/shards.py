"""Join what the shards of one collection answer."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

Answer = tuple[Sequence[str], Sequence[float]]


def merge(answers: Sequence[Answer], k: int) -> tuple[list[str], list[float]]:
    """Return the k best of several ranked answers to one query, best first.

    As each shard answers with its own k best, these are the k best of all. Equal scores come in the order of
    the shards; an id that several shards hold comes once, with its highest score.

    Args:
        answers: Ids and falling scores of each shard; "" is padding.
        k: Length of the joined answer; shorter when the shards have less.
    """
    ranked = heapq.merge(*(_pairs(*answer) for answer in answers), key=lambda pair: -pair[1])
    best: dict[str, float] = {}
    for name, score in ranked:
        if len(best) == k:
            break
        best.setdefault(name, score)
    return list(best), list(best.values())


def _pairs(ids: Sequence[str], scores: Sequence[float]) -> list[tuple[str, float]]:
    return [(name, score) for name, score in zip(ids, scores, strict=True) if name]
