"""What is exported: ids in, ratings and rankings out, in plain TensorFlow operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval.filters import FILTERS, Categories, Defaults, for_each_row, not_excluded
from components.retrieval.similar import similar, vectors_of
from components.retrieval.top_k import top_k
from components.vocabulary import line_numbers

from .network import Factors, Ratings

_REQUEST = [
    tf.TensorSpec([None], tf.string, "user_id"),
    tf.TensorSpec([None], tf.bool, "exclude_seen"),
]


@dataclass(frozen=True)
class Catalogue:
    """Names for the rows of the model.

    Attributes:
        user_file: Vocabulary of user ids, one per line, in row order.
        item_file: Vocabulary of item ids, one per line, in row order.
        item_ids: The same item ids.
        titles: Item id -> title; also of items that are not in the vocabulary.
        categories: Item id -> its categories (genres).
    """

    user_file: str
    item_file: str
    item_ids: Sequence[bytes]
    titles: Mapping[bytes, bytes]
    categories: Mapping[bytes, Sequence[bytes]] = field(default_factory=dict)


class Recommender(tf.Module):
    """The served model.

    Args:
        factors: The trained model.
        ratings: What it was trained on: hides what a user has seen and counts the ratings of an item.
        catalogue: Ids and titles.
        top_k: Length of a ranked answer; at most the number of items.
        rank_damping: See `RankedServeSettings`.
    """

    def __init__(
        self, factors: Factors, ratings: Ratings, catalogue: Catalogue, top_k: int, rank_damping: float
    ) -> None:
        super().__init__()
        self.factors = factors
        self.user_rows = line_numbers(catalogue.user_file, factors.users)
        self.item_rows = line_numbers(catalogue.item_file, factors.items)
        self.item_ids = tf.Variable(list(catalogue.item_ids), trainable=False, name="item_ids")
        self.title_of = _titles(catalogue.titles)
        self.categories = Categories([catalogue.categories.get(item, ()) for item in catalogue.item_ids])
        counts = np.bincount(ratings.items, minlength=factors.items).astype(np.float32)
        self.popularity = tf.Variable(counts, trainable=False, name="popularity")
        self.confidence = tf.Variable(
            confidence(counts, rank_damping), trainable=False, dtype=tf.float32, name="confidence"
        )
        by_user = np.argsort(ratings.users, kind="stable")
        ends = np.cumsum(np.bincount(ratings.users, minlength=factors.users + 1))
        self.seen_items = tf.Variable(
            ratings.items[by_user].astype(np.int32), trainable=False, name="seen_items"
        )
        self.seen_splits = tf.Variable(np.concatenate([[0], ends]), trainable=False, name="seen_splits")
        self.top_k = min(top_k, factors.items)
        self.retrieve = self._filtered()

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Return the SavedModel's signatures by name."""
        return {
            "serving_default": self.recommend,
            "retrieve": self.retrieve,
            "similar": self.similar,
            "rate": self.rate,
            "embed": self.embed,
            "vectors": self.vectors,
            "titles": self.titles,
        }

    @tf.function(input_signature=_REQUEST)
    def recommend(self, user_id: tf.Tensor, exclude_seen: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return ranked `ids`, string `[b, k]`, and `scores`, float32 `[b, k]`.

        A known user's scores are predicted ratings, held back by `rank_damping` and not clipped. An unknown
        user gets the most rated items, scored by their number of ratings. Where fewer than k items are left,
        ids end with "" and scores with the lowest float32.
        """
        users = self.user_rows.lookup(user_id)
        return top_k(self._scores(users), self._unseen(users, exclude_seen), self.item_ids, self.top_k)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "ids")])
    def similar(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the items whose embeddings have the greatest cosine to each given item's.

        `ids`, string `[b, k]`, and `scores`, float32 `[b, k]`, without the item itself; an unknown item gets
        all padding.
        """
        items = self.factors.item_embedding[: self.factors.items]
        return similar(self.item_rows.lookup(ids), items, self.item_ids, self.top_k)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "ids")])
    def vectors(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the items' `embedding`, float32 `[n, d]`; zeros for an unknown item."""
        return vectors_of(self.item_rows.lookup(ids), self.factors.item_embedding)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "user_id"),
            tf.TensorSpec([None], tf.string, "item_id"),
        ]
    )
    def rate(self, user_id: tf.Tensor, item_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the predicted `rating`, float32 `[b]`.

        The part of an unknown user or item is left out: the other's bias and the mean remain.
        """
        return {"rating": self.factors.rate(self.user_rows.lookup(user_id), self.item_rows.lookup(item_id))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "user_id")])
    def embed(self, user_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the user's `embedding`, float32 `[b, d]`; zeros for an unknown user."""
        return {"embedding": tf.gather(self.factors.user_embedding, self.user_rows.lookup(user_id))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "ids")])
    def titles(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the items' `titles`, string `[n]`; "" for an unknown item."""
        return {"titles": self.title_of.lookup(ids)}

    def _filtered(self) -> tf.types.experimental.GenericFunction:
        default = Defaults.new()

        @tf.function(input_signature=[*_REQUEST, *FILTERS])
        def retrieve(
            user_id: tf.Tensor,
            exclude_seen: tf.Tensor = tf.constant([True]),  # noqa: B008
            exclude_ids: tf.Tensor = default.ids,
            categories: tf.Tensor = default.ids,
            n_probe: tf.Tensor = default.n_probe,
        ) -> dict[str, tf.Tensor]:
            """Answer as `recommend` does, from the items that are left after filters.

            Args:
                user_id: string `[b]`.
                exclude_seen: Leave out what the user has rated, bool `[b]`.
                exclude_ids: Leave out these items too, string `[b, m]`; "" and unknown ids are padding.
                categories: Only items of any of these, string `[b, c]`, padded with ""; none: all items.
                n_probe: Cells of an index to search, int32 `[b]`; 0: as many as it was trained with.
            """
            del n_probe  # Every item is scored.
            users = self.user_rows.lookup(user_id)
            batch = tf.shape(users)[0]
            excluded = self.item_rows.lookup(for_each_row(exclude_ids, batch))
            allowed = self._unseen(users, for_each_row(exclude_seen, batch))
            allowed &= not_excluded(excluded, self.factors.items)
            allowed &= self.categories.allow(self.categories.wanted(for_each_row(categories, batch)))
            return top_k(self._scores(users), allowed, self.item_ids, self.top_k)

        return retrieve

    def _scores(self, users: tf.Tensor) -> tf.Tensor:
        known = users < self.factors.users
        lead = self.confidence * self.factors.deviations(users)
        ratings = self.factors.in_ratings(tf.gather(self.factors.user_bias, users)[:, tf.newaxis] + lead)
        return tf.where(known[:, tf.newaxis], ratings, self.popularity)

    def _unseen(self, users: tf.Tensor, exclude_seen: tf.Tensor) -> tf.Tensor:
        # bool [b, items]; the row of an unknown user has nothing seen.
        users = tf.where(exclude_seen, users, self.factors.users)
        seen = tf.RaggedTensor.from_row_splits(self.seen_items, self.seen_splits, validate=False)
        items = tf.gather(seen, users)
        where = tf.stack([tf.cast(items.value_rowids(), tf.int32), items.flat_values], axis=1)
        everything = tf.fill(tf.stack([tf.shape(users)[0], self.popularity.shape[0]]), True)
        return tf.tensor_scatter_nd_update(everything, where, tf.fill(tf.shape(where)[:1], False))


def confidence(counts: NDArray[Any], damping: float) -> NDArray[Any]:
    """Return by how much an item's lead counts, in (0, 1], see `RankedServeSettings`.

    Args:
        counts: Number of ratings of each item, float `[items]`; 0 is taken for 1.
        damping: In multiples of the mean number.
    """
    known = np.maximum(counts, 1)
    return np.asarray(known / (known + damping * known.mean()))


def _titles(titles: Mapping[bytes, bytes]) -> tf.lookup.StaticHashTable:
    # The padding of short answers has no title either; with it the table is never empty, which it may not be.
    named = {**titles, b"": b""}
    ids, texts = tf.constant(list(named), tf.string), tf.constant(list(named.values()), tf.string)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(ids, texts), "")
