"""What is exported: ids in, ratings and rankings out, in plain TensorFlow operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval.build import IndexOptions, build
from components.retrieval.filters import FILTERS, Categories, Defaults, Filters, for_each_row
from components.retrieval.found import NOBODY, Found
from components.retrieval.similar import similar, vectors_of
from components.retrieval.top_k import PADDING_SCORE
from components.vocabulary import line_numbers

from .network import Factors, Ratings

EXACT = IndexOptions("exact")
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
        index: How the best items are found.
    """

    def __init__(
        self,
        factors: Factors,
        ratings: Ratings,
        catalogue: Catalogue,
        top_k: int,
        rank_damping: float,
        index: IndexOptions = EXACT,
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
        # An item's lead is a product of vectors, the item's being confidence * (embedding, bias).
        self.leads = tf.Variable(self._leads(), trainable=False, name="leads")
        self.index = build(self.leads, self._directions(np.arange(factors.users)).numpy(), index)
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
        return self._best(users, Filters(self._seen(users, exclude_seen), self.categories), None)

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
            users = self.user_rows.lookup(user_id)
            batch = tf.shape(users)[0]
            named = self.item_rows.lookup(for_each_row(exclude_ids, batch))
            seen = self._seen(users, for_each_row(exclude_seen, batch))
            wanted = self.categories.wanted(for_each_row(categories, batch))
            filters = Filters(tf.concat([seen, named], axis=1), self.categories, wanted)
            return self._best(users, filters, for_each_row(n_probe, batch))

        return retrieve

    def _best(self, users: tf.Tensor, filters: Filters, n_probe: tf.Tensor | None) -> dict[str, tf.Tensor]:
        found = self.index.search(self._directions(users), self.top_k, filters, n_probe)
        ratings = tf.gather(self.factors.user_bias, users)[:, tf.newaxis] + found.scores
        rated = Found(tf.where(found.rows >= 0, self.factors.in_ratings(ratings), PADDING_SCORE), found.rows)
        known = users < self.factors.users
        ranked = tf.cond(
            tf.reduce_all(known), lambda: rated, lambda: rated.where(known, self._popular(filters))
        )
        return ranked.answer(self.item_ids)

    def _popular(self, filters: Filters) -> Found:
        allowed = filters.allow()
        scores = tf.where(allowed, self.popularity, PADDING_SCORE)
        best, rows = tf.math.top_k(scores, self.top_k)
        rows = tf.where(tf.gather(allowed, rows, batch_dims=1), tf.cast(rows, tf.int64), NOBODY)
        return Found(best, rows)

    def _leads(self) -> tf.Tensor:
        # float32 [items, d + 1].
        factors = self.factors
        rows = tf.concat([factors.item_embedding, factors.item_bias[:, tf.newaxis]], axis=1)
        return self.confidence[:, tf.newaxis] * rows[: factors.items]

    def _directions(self, users: Any) -> tf.Tensor:
        # float32 [b, d + 1].
        embeddings = tf.gather(self.factors.user_embedding, users)
        return tf.pad(embeddings, [[0, 0], [0, 1]], constant_values=1.0)

    def _seen(self, users: tf.Tensor, exclude_seen: tf.Tensor) -> tf.Tensor:
        # int64 [b, most]; the row of an unknown user has nothing seen.
        users = tf.where(exclude_seen, users, self.factors.users)
        seen = tf.RaggedTensor.from_row_splits(self.seen_items, self.seen_splits, validate=False)
        return tf.cast(tf.gather(seen, users).to_tensor(NOBODY), tf.int64)


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
