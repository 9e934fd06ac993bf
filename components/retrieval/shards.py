"""A collection beyond one machine's memory: parts of it as models of their own, each with its own index."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval.build import IndexOptions
from components.retrieval.vector_model import VectorModel


def shard_of(name: bytes, shards: int) -> int:
    """Return the shard that an id belongs to, 0 to `shards` - 1; the same on every machine."""
    return zlib.crc32(name) % shards


def split(ids: Sequence[bytes], shards: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield each shard that is not empty, and the positions of its ids."""
    belongs = np.array([shard_of(name, shards) for name in ids])
    for shard in range(shards):
        chosen = np.nonzero(belongs == shard)[0]
        if len(chosen):
            yield shard, chosen


def save_shards(
    root: Path, ids: Sequence[bytes], vectors: NDArray[Any], shards: int, k: int, options: IndexOptions
) -> list[Path]:
    """Write `<root>/shard-<n>`, a SavedModel for each shard, and return the folders.

    A query is embedded once and put to all of them; `components.gateway.shards.merge` joins the answers.

    Args:
        root: Where to.
        ids: Ids of the vectors, without duplicates.
        vectors: float32 `[n, d]`.
        shards: How many parts; one that gets no id is left out.
        k: Length of each shard's answer: that of the merged one.
        options: Which index each has.
    """
    written = []
    for shard, chosen in split(ids, shards):
        folder = root / f"shard-{shard}"
        names = np.array(ids, object)[chosen]
        model = VectorModel(names, vectors[chosen], vectors[:0], k, options)
        tf.saved_model.save(model, str(folder), signatures=model.signatures())
        written.append(folder)
    return written
