"""What is exported: query strings in, ranked documents out, in plain TensorFlow operations."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval.build import Index
from components.retrieval.filters import FILTERS, Categories, Defaults, Filters, for_each_row
from components.retrieval.similar import similar, vectors_of
from components.retrieval.top_k import top_k
from components.text.analyzer import Analyzer
from components.vocabulary import line_numbers

from .network import Bag, FusedScorer, TermScorer, VectorScorer, bag_of, state


class SearchModel(tf.Module):
    """Answer plain query strings; everything it needs is a variable, a table or an asset of the SavedModel.

    Args:
        analyzer: Text to terms, the same as in Transform.
        vocabulary: File with one term a line; the line number is the term's id.
        scorer: Ranks the documents.
        ids: Ids of the documents, bytes `[n]`, without duplicates.
        titles: Titles of the documents, bytes `[n]`.
        k: Length of an answer; the number of documents when that is less.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        vocabulary: str,
        scorer: TermScorer | VectorScorer | FusedScorer,
        ids: NDArray[Any],
        titles: NDArray[Any],
        k: int,
    ) -> None:
        super().__init__()
        self.analyzer = analyzer
        self.vocabulary = line_numbers(vocabulary, unknown=-1)
        self.vocabulary_size = int(self.vocabulary.size())
        self.scorer = scorer
        self.ids = state(ids, tf.string)
        self.document_titles = state(titles, tf.string)
        self.rows = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, default_value=-1)
        self.rows.insert(self.ids, tf.range(len(ids), dtype=tf.int64))
        self.k = min(k, len(ids))
        self.index: Index | None = None
        self.categories = Categories([()] * len(ids))
        self.retrieve = self._filtered()
        # Saving traces every function that the module holds, so that it may hold no other.
        self.neighbours = self._neighbours(scorer.dense) if scorer.dense else {}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="query")])
    def search(self, query: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the best documents for each query, best first; equal scores in the collection's order.

        A document that the scorer gives 0 or less is no answer: rows with fewer answers than k, such as that
        of an empty query, end in ids "" with the lowest float32 as score.
        """
        return self._best(query, None, None)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="query")])
    def embed(self, query: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the embedding of each query, float32 `[b, d]`."""
        return {"embedding": self.scorer.embed(self._bag(query))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="ids")])
    def titles(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the title of each document, "" for an id that is not known."""
        rows = self.rows.lookup(ids)
        found = tf.gather(self.document_titles, tf.maximum(rows, 0))
        return {"titles": tf.where(rows >= 0, found, "")}

    def with_index(self, index: Index) -> SearchModel:
        """Return this model with `index` in place of scoring every document; call it before any search."""
        self.index = index
        return self

    def signatures(self) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        """Return the SavedModel's signatures by name.

        `similar` and `vectors` are among them when documents have embeddings.
        """
        return {
            "serving_default": self.search,
            "retrieve": self.retrieve,
            **self.neighbours,
            "embed": self.embed,
            "titles": self.titles,
        }

    def _filtered(self) -> tf.types.experimental.PolymorphicFunction:
        default = Defaults.new()

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "query"), *FILTERS])
        def retrieve(
            query: tf.Tensor,
            exclude_ids: tf.Tensor = default.ids,
            categories: tf.Tensor = default.ids,
            n_probe: tf.Tensor = default.n_probe,
        ) -> dict[str, tf.Tensor]:
            """Answer as `search` does, from the documents that are left after filters.

            Args:
                query: string `[b]`.
                exclude_ids: Leave out these documents, string `[b, m]`; "" and unknown ids are padding.
                categories: string `[b, c]`, padded with ""; as documents have none, any leaves nothing.
                n_probe: Cells of an index to search, int32 `[b]`; 0: as many as it was trained with.
            """
            batch = tf.shape(query)[0]
            excluded = self.rows.lookup(for_each_row(exclude_ids, batch))
            wanted = self.categories.wanted(for_each_row(categories, batch))
            filters = Filters(excluded, self.categories, wanted)
            return self._best(query, filters, for_each_row(n_probe, batch))

        return retrieve

    def _neighbours(self, scorer: VectorScorer) -> dict[str, tf.types.experimental.PolymorphicFunction]:
        ids_given = [tf.TensorSpec([None], tf.string, name="ids")]

        @tf.function(input_signature=ids_given)
        def nearest(ids: tf.Tensor) -> dict[str, tf.Tensor]:
            """Return the documents whose embeddings have the greatest cosine to each given document's.

            `ids`, string `[b, k]`, and `scores`, float32 `[b, k]`, without the document itself; an unknown or
            empty document gets all padding.
            """
            return similar(self.rows.lookup(ids), scorer.document_vectors, self.ids, self.k)

        @tf.function(input_signature=ids_given)
        def vectors(ids: tf.Tensor) -> dict[str, tf.Tensor]:
            """Return the documents' `embedding`, float32 `[n, d]`; zeros for an unknown document."""
            return vectors_of(self.rows.lookup(ids), scorer.document_vectors)

        return {"similar": nearest, "vectors": vectors}

    def _best(
        self, query: tf.Tensor, filters: Filters | None, n_probe: tf.Tensor | None
    ) -> dict[str, tf.Tensor]:
        bag = self._bag(query)
        if self.index is not None:
            found = self.index.search(self.scorer.embed(bag), self.k, filters, n_probe)
            return found.only(found.scores > 0.0, self.k).answer(self.ids)
        scores = self.scorer.scores(bag)
        allowed = scores > 0.0 if filters is None else (scores > 0.0) & filters.allow()
        return top_k(scores, allowed, self.ids, self.k)

    def _bag(self, query: tf.Tensor) -> Bag:
        terms = self.analyzer(query)
        ids = terms.with_flat_values(self.vocabulary.lookup(terms.flat_values))
        return bag_of(ids, self.vocabulary_size)
