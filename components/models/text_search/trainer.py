"""Fit the chosen encoder to the collection and export one SavedModel that takes plain query strings."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy.typing import NDArray

from components.errors import InputError
from components.examples import Examples
from components.family import IndexSettings
from components.retrieval.build import IndexOptions
from components.retrieval.build import build as build_index
from components.trial import Trial
from components.tuned import settings_of

from . import TrainSettings, TransformSettings, board
from .collection import Collection, read_collection, read_queries
from .encoders import fit
from .fusion import fit_weights
from .network import FusedScorer, VectorScorer, bag_of
from .serving import SearchModel
from .transform import VOCABULARY, analyzer
from .tuning import DEPTH, tune
from .vectors import WordVectors


def run_fn(fn_args: Any) -> None:
    """Train and export; TFX's Trainer calls it. In a trial of a sweep only report how well it ranks.

    Reads the splits `corpus` and `train` of the transformed examples and no other. Writes the SavedModel to
    `fn_args.serving_model_dir` and TensorBoard's logs to `fn_args.model_run_dir`.

    Args:
        fn_args: TFX's FnArgs; `custom_config["settings"]` is JSON with `transform`, `train` and `serve`,
            `hyperparameters` what a sweep chose.
    """
    trial = Trial.of(fn_args)
    trial.stage("reading")
    settings = settings_of(fn_args)
    train = TrainSettings.model_validate(settings["train"])
    transform = TransformSettings.model_validate(settings["transform"])
    examples = Examples.of_files(fn_args.train_files)
    graph = tft.TFTransformOutput(fn_args.transform_graph_path)
    collection = read_collection(examples, graph.vocabulary_size_by_name(VOCABULARY))
    trial.stage("training")
    model = build(transform, train, DEPTH if trial.active else settings["serve"]["top_k"], collection, graph)
    if trial.active:
        tune(trial, model, train, collection, examples)
        return
    losses = fit_fusion(model, train, collection, examples)
    index = IndexSettings.model_validate(settings["serve"].get("index", {}))
    if index.kind != "exact":
        model = indexed(model, index, train, collection, examples)
    tf.saved_model.save(model, fn_args.serving_model_dir, signatures=model.signatures())
    board.write(fn_args.model_run_dir, model, collection, losses, train.seed)


def build(
    transform: TransformSettings,
    train: TrainSettings,
    top_k: int,
    collection: Collection,
    graph: tft.TFTransformOutput,
) -> SearchModel:
    """Return the model that `train` describes, with a fusion's default weights.

    Args:
        transform: How queries become terms; must be what the collection went through.
        train: Which encoder.
        top_k: Length of an answer.
        collection: The documents.
        graph: Holds the vocabulary.
    """
    words = WordVectors(train.vectors, analyzer(transform), graph.vocabulary_by_name(VOCABULARY))
    scorer = fit(train, collection, words)
    vocabulary = graph.vocabulary_file_by_name(VOCABULARY)
    return SearchModel(analyzer(transform), vocabulary, scorer, collection.ids, collection.titles, top_k)


def indexed(
    model: SearchModel, index: IndexSettings, train: TrainSettings, collection: Collection, examples: Examples
) -> SearchModel:
    """Return the model with an index of its documents' embeddings, made for queries like the training ones.

    Raises:
        InputError: The encoder ranks by more than embeddings.
    """
    scorer = model.scorer
    if not isinstance(scorer, VectorScorer):
        raise InputError(
            f"The encoder `{train.encoder}` ranks by postings, which an index of vectors cannot search.",
            source="serve.index.kind",
            cure="Set `train.encoder` to lsa or glove, or `serve.index.kind` to exact.",
        )
    terms = read_queries(examples, "train").terms
    asked = scorer.embed(bag_of(_ragged(terms), model.vocabulary_size)).numpy()
    options = IndexOptions.of(index, train.seed, model.k)
    found = build_index(scorer.document_vectors, asked, options)
    return model.with_index(found)


def _ragged(terms: list[NDArray[Any]]) -> tf.RaggedTensor:
    lengths = [len(row) for row in terms]
    return tf.RaggedTensor.from_row_lengths(np.concatenate([*terms, np.empty(0, np.int64)]), lengths)


def fit_fusion(
    model: SearchModel, train: TrainSettings, collection: Collection, examples: Examples
) -> list[float]:
    """Set a fusion's weights by the split `train`; return the mean loss per query after each step.

    Other models, and collections without training queries, stay as they are.
    """
    if not isinstance(model.scorer, FusedScorer):
        return []
    queries = read_queries(examples, "train")
    fitted = fit_weights(model.scorer, train, collection.ids, queries, collection.counts.shape[1])
    model.scorer.weights.assign(fitted.weights)
    return fitted.losses
