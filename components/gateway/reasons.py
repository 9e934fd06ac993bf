"""Why an item is in an answer, in terms of what the user knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.text.stop_words import ENGLISH

from .catalogue import Event, Item

_WORD = re.compile(r"\w+")
_LIKE = 0.3
_MAX_TERMS = 8
_MIN_STEM = 4


@dataclass(frozen=True)
class Reason:
    """Why.

    Attributes:
        kind: `similar_to` an item that the user liked, `popular`, or `matches` words of the query.
        item: The id of that item.
        terms: Those words.
    """

    kind: str
    item: str | None = None
    terms: tuple[str, ...] = ()


def liked(history: Sequence[Event], limit: int = 50) -> list[str]:
    """Return items that the user liked, newest first: those rated no worse than the user's own mean."""
    rated = [event.value for event in history if event.value is not None]
    mean = sum(rated) / len(rated) if rated else 0.0
    good = (event.item for event in history if event.item and (event.value is None or event.value >= mean))
    return [*dict.fromkeys(good)][:limit]


def similar_to(
    ids: Sequence[str],
    vectors: NDArray[np.float32],
    liked_items: Sequence[str],
    liked_vectors: NDArray[np.float32],
) -> list[Reason]:
    """Return a reason for each item: the other liked item that it is most like, by cosine.

    Args:
        ids: Ids of `n` items.
        vectors: float32 `[n, d]`.
        liked_items: Ids of `m` items.
        liked_vectors: float32 `[m, d]`.
    """
    if not len(liked_items):
        return [Reason("popular")] * len(ids)
    cosines = _units(vectors) @ _units(liked_vectors).T
    cosines[np.asarray(ids, np.object_)[:, np.newaxis] == np.asarray(liked_items, np.object_)] = -1.0
    best = cosines.argmax(axis=1)
    return [
        Reason("similar_to", liked_items[column]) if cosines[row, column] >= _LIKE else Reason("popular")
        for row, column in enumerate(best)
    ]


def matches(query: str, items: Sequence[Item | None]) -> list[Reason | None]:
    """Return for each item which words of the query its title or text has, other endings allowed.

    English function words explain nothing and are left out, unless the query has no others.
    """
    asked = [*dict.fromkeys(_WORD.findall(query.lower()))]
    words = [word for word in asked if word not in ENGLISH] or asked
    found: list[Reason | None] = []
    for item in items:
        text = " ".join(_texts(item)) if item else ""
        stems = {_stem(word) for word in _WORD.findall(text.lower())}
        terms = tuple(word for word in words if _stem(word) in stems)[:_MAX_TERMS]
        found.append(Reason("matches", terms=terms) if terms else None)
    return found


def _texts(item: Item) -> list[str]:
    return [item.title, *(value for value in _values(item.metadata) if isinstance(value, str))]


def _values(metadata: Mapping[str, object]) -> list[object]:
    return list(metadata.values())


def _stem(word: str) -> str:
    # Enough to show which words meet; what matches is the model's business.
    for ending in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            return word[: -len(ending)]
    return word


def _units(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
