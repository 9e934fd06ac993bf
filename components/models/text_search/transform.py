"""Text to term ids: the vocabulary is counted over the corpus, queries are looked up in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from components.text.analyzer import Analyzer

from . import TransformSettings

VOCABULARY = "terms"


def preprocessing_fn(
    inputs: Mapping[str, tf.SparseTensor], custom_config: Mapping[str, Any]
) -> dict[str, tf.Tensor | tf.SparseTensor]:
    """Add term ids to the documents and queries.

    Args:
        inputs: Sparse `[batch, 1]` features `id`, `text` and (absent on some records) `title`; sparse
            `[batch, n]` features `relevant_ids`, `relevant_grades`.
        custom_config: `{"transform": <the section of the settings>}`.

    Returns:
        `terms`: ids of the terms of title and text, in order, without those that are not in the vocabulary,
        sparse int64; `id`, `text`, `title` (empty when absent): string `[batch]`; judgements as they came.
    """
    settings = TransformSettings.model_validate(custom_config["transform"])
    text, title = _one_each(inputs["text"]), _one_each(inputs["title"])
    terms = analyzer(settings)(tf.strings.join([title, text], " "))
    # The analysis counts each term once per document, so that frequencies are document frequencies.
    vocabulary = tft.vocabulary(
        distinct(terms),
        top_k=settings.max_vocabulary,
        frequency_threshold=settings.min_document_frequency if settings.min_document_frequency > 1 else None,
        vocab_filename=VOCABULARY,
    )
    return {
        "id": _one_each(inputs["id"]),
        "text": text,
        "title": title,
        "terms": _known(tft.apply_vocabulary(terms, vocabulary)),
        "relevant_ids": inputs["relevant_ids"],
        "relevant_grades": inputs["relevant_grades"],
    }


def analyzer(settings: TransformSettings) -> Analyzer:
    """Return the analyzer that documents and, in the served model, queries go through."""
    return Analyzer(settings.stemmer, settings.stop_words)


def distinct(terms: tf.RaggedTensor) -> tf.RaggedTensor:
    """Return each row of `[batch, (terms)]` with every term once, in order of first appearance."""
    words, index = tf.unique(terms.flat_values, out_idx=tf.int64)
    size = tf.size(words, out_type=tf.int64)
    codes, _ = tf.unique(terms.value_rowids() * size + index)
    # With no term at all there is nothing to divide by.
    size = tf.maximum(size, 1)
    return tf.RaggedTensor.from_value_rowids(tf.gather(words, codes % size), codes // size, terms.nrows())


def _one_each(feature: tf.SparseTensor) -> tf.Tensor:
    # An absent value leaves no trace in a sparse tensor but for the number of rows.
    shape = tf.stack([feature.dense_shape[0], tf.constant(1, tf.int64)])
    return tf.sparse.to_dense(tf.SparseTensor(feature.indices, feature.values, shape), "")[:, 0]


def _known(ids: tf.RaggedTensor) -> tf.SparseTensor:
    return tf.ragged.boolean_mask(ids, ids >= 0).to_sparse()
