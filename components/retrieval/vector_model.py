"""A served index of nothing but vectors: one shard of a large collection, or a side-car for any model."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval.build import IndexOptions, build
from components.retrieval.filters import FILTERS, Categories, Defaults, Filters, for_each_row
from components.retrieval.similar import vectors_of


class VectorModel(tf.Module):
    """Answer embeddings with the nearest of its vectors.

    Args:
        ids: Ids of the vectors, bytes `[n]`, without duplicates, none empty.
        vectors: float32 `[n, d]`.
        queries: Such as will be asked, to choose `n_probe` by; without any the vectors stand in.
        k: Length of an answer, n when that is less.
        options: Which index.
    """

    def __init__(
        self, ids: NDArray[Any], vectors: NDArray[Any], queries: NDArray[Any], k: int, options: IndexOptions
    ) -> None:
        super().__init__()
        table = tf.Variable(np.asarray(vectors, np.float32), trainable=False, name="vectors")
        self.ids = tf.Variable(tf.constant(ids, tf.string), trainable=False, name="ids")
        self.row_of = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, default_value=-1)
        self.row_of.insert(self.ids, tf.range(len(ids), dtype=tf.int64))
        self.categories = Categories([()] * len(ids))
        self.index = build(table, queries, options)
        self.table = table
        self.k = min(k, len(ids))
        self.retrieve = self._filtered()

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "embedding")])
    def nearest(self, embedding: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the `ids` and `scores` with the greatest inner products, `[b, k]`, best first."""
        queries = tf.ensure_shape(embedding, [None, self.table.shape[1]])
        return self.index.search(queries, self.k, None).answer(self.ids)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "ids")])
    def similar(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return what is nearest to each given vector, without itself; all padding for an unknown id."""
        rows = self.row_of.lookup(ids)
        filters = Filters(rows[:, tf.newaxis], self.categories)
        found = self.index.search(tf.gather(self.table, tf.maximum(rows, 0)), self.k, filters)
        known = tf.repeat(rows[:, tf.newaxis] >= 0, self.k, axis=1)
        return found.only(known, self.k).answer(self.ids)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "ids")])
    def vectors(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return each `embedding`, float32 `[n, d]`; zeros for an unknown id."""
        return vectors_of(self.row_of.lookup(ids), self.table)

    def signatures(self) -> dict[str, Any]:
        """Return the SavedModel's signatures by name."""
        return {
            "serving_default": self.nearest,
            "retrieve": self.retrieve,
            "similar": self.similar,
            "vectors": self.vectors,
        }

    def _filtered(self) -> Any:
        default = Defaults.new()

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "embedding"), *FILTERS])
        def retrieve(
            embedding: tf.Tensor,
            exclude_ids: tf.Tensor = default.ids,
            categories: tf.Tensor = default.ids,
            n_probe: tf.Tensor = default.n_probe,
        ) -> dict[str, tf.Tensor]:
            """Answer as `nearest` does, from what filters leave; a shard knows no categories."""
            batch = tf.shape(embedding)[0]
            excluded = self.row_of.lookup(for_each_row(exclude_ids, batch))
            wanted = self.categories.wanted(for_each_row(categories, batch))
            queries = tf.ensure_shape(embedding, [None, self.table.shape[1]])
            filters = Filters(excluded, self.categories, wanted)
            found = self.index.search(queries, self.k, filters, for_each_row(n_probe, batch))
            return found.answer(self.ids)

        return retrieve
