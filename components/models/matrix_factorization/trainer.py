"""Train on the transformed train split and export the served model."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from numpy.typing import NDArray

from components.distributed.training import Training
from components.errors import InputError
from components.examples import Examples
from components.projector import write_projector
from components.retrieval.build import IndexOptions
from components.trial import Trial
from components.tuned import settings_of

from . import RankedServeSettings, TrainSettings, transform
from .fit import fit, terms
from .network import Factors, Ratings
from .serving import Catalogue, Recommender
from .tuning import tune

_LOG = logging.getLogger(__name__)


def run_fn(fn_args: Any) -> None:
    """Train, export the SavedModel and write TensorBoard's files; in a trial of a sweep only report the RMSE.

    Reads the splits `train` and `items`, never `eval`. Of several processes only the chief writes.

    Args:
        fn_args: TFX's FnArgs; `custom_config["settings"]` is JSON with `train`, `serve` and `compute`,
            `hyperparameters` what a sweep chose.

    Raises:
        InputError: The train split is empty.
        NonFiniteError: Training diverged.
    """
    trial = Trial.of(fn_args)
    trial.stage("reading")
    sections = settings_of(fn_args)
    settings = TrainSettings.model_validate(sections["train"])
    serve = RankedServeSettings.model_validate(sections["serve"])
    examples = Examples.of_files(fn_args.train_files)
    graph = tft.TFTransformOutput(fn_args.transform_graph_path)
    ratings = read_ratings(examples, graph)
    training = Training.of(fn_args)
    agreed = terms(ratings, settings, training)
    _LOG.info("training on %d ratings: %s", len(ratings), json.dumps(agreed))
    if trial.active:
        tune(trial, ratings, settings, training)
        return
    if not training.is_chief:
        fit(ratings, settings, _unseen, training)
        return
    curves = Curves(fn_args.model_run_dir)
    factors = fit(ratings, settings, curves.add, training)
    if not training.is_plain:
        factors = factors.copy()
    training.progress("exporting the model")
    catalogue = read_catalogue(examples, graph)
    index = IndexOptions.of(serve.index, settings.seed, serve.top_k)
    model = Recommender(factors, ratings, catalogue, serve.top_k, serve.rank_damping, index)
    tf.saved_model.save(model, fn_args.serving_model_dir, signatures=model.signatures())
    curves.close(model.recommend.get_concrete_function().graph, agreed)
    _show_items(fn_args.model_run_dir, factors, catalogue)


def read_ratings(examples: Examples, graph: tft.TFTransformOutput) -> Ratings:
    """Return the train split.

    Raises:
        InputError: It is empty.
    """
    columns: dict[str, Any] = {"user": tf.int64, "item": tf.int64, "rating": tf.float32}
    found = examples.scalars("train", **columns)
    if not len(found["rating"]):
        raise InputError("The train split has no ratings.", source=examples.uri, cure="Change `data.split`.")
    shape = (graph.vocabulary_size_by_name(transform.USERS), graph.vocabulary_size_by_name(transform.ITEMS))
    return Ratings(found["user"], found["item"], found["rating"], shape)


def read_catalogue(examples: Examples, graph: tft.TFTransformOutput) -> Catalogue:
    """Return the vocabularies, and titles and categories in the split `items`."""
    items = examples.lists("items", item_id=tf.string, title=tf.string, genres=tf.string)
    pairs = zip(items["item_id"], items["title"], strict=True)
    categories = zip(items["item_id"], items["genres"], strict=True)
    return Catalogue(
        user_file=graph.vocabulary_file_by_name(transform.USERS),
        item_file=graph.vocabulary_file_by_name(transform.ITEMS),
        item_ids=graph.vocabulary_by_name(transform.ITEMS),
        titles={name[0]: title[0] for name, title in pairs if len(title)},
        categories={name[0]: genres.tolist() for name, genres in categories if len(genres)},
    )


class Curves:
    """RMSE by epoch: in TensorBoard, one run per series, and in `history.json`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._series: dict[str, list[float]] = defaultdict(list)
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def add(self, series: str, epoch: int, value: float) -> None:
        """Add the RMSE of one epoch, counted from 1, to a series."""
        self._series[f"{series} rmse"].append(value)
        with self._writer(series).as_default(step=epoch):
            tf.summary.scalar("rmse", value)

    def close(self, graph: tf.Graph, training: Mapping[str, Any]) -> None:
        """Write `graph`, and `history.json` with the terms of the training; nothing can be added after."""
        with self._writer("graph").as_default(step=0):
            tf.summary.graph(graph)
        for writer in self._writers.values():
            writer.close()
        with tf.io.gfile.GFile(f"{self._folder}/history.json", "w") as file:
            file.write(json.dumps({"x": "epoch", "series": self._series, "training": training}))

    def _writer(self, name: str) -> tf.summary.SummaryWriter:
        if name not in self._writers:
            self._writers[name] = tf.summary.create_file_writer(f"{self._folder}/{name}")
        return self._writers[name]


def _unseen(series: str, epoch: int, value: float) -> None:
    # The chief's curves are everybody's.
    del series, epoch, value


def _show_items(folder: str, factors: Factors, catalogue: Catalogue) -> None:
    labels = [(catalogue.titles.get(item) or item).decode("utf-8") for item in catalogue.item_ids]
    vectors: NDArray[Any] = factors.item_embedding[: factors.items].numpy()
    write_projector(folder, "items", vectors, labels)
