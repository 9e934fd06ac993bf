"""What TensorBoard and the report show of a fit: curves, the graph, the documents in the projector."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from components.projector import write_projector

from .collection import Collection, tfidf
from .encoders import principal_axes
from .network import FusedScorer, VectorScorer
from .serving import SearchModel

_PROJECTED = 50


def write(
    log_dir: str, model: SearchModel, collection: Collection, losses: Sequence[float], seed: int
) -> None:
    """Write scalars, graph, projector and `history.json` to `log_dir`.

    Args:
        log_dir: TensorBoard's folder.
        model: The fitted model.
        collection: The documents.
        losses: Mean loss per training query after each step of a fusion's fit; empty without a fit.
        seed: Of the projection, for encoders without dense vectors.
    """
    with tf.summary.create_file_writer(log_dir).as_default(step=0):
        tf.summary.graph(model.search.get_concrete_function().graph)
        tf.summary.scalar("collection/documents", collection.counts.shape[0])
        tf.summary.scalar("collection/terms", collection.counts.shape[1])
        for step, loss in enumerate(losses):
            tf.summary.scalar("fusion/listwise loss", loss, step=step)
    labels = [
        title.decode() or name.decode() for title, name in zip(collection.titles, collection.ids, strict=True)
    ]
    write_projector(log_dir, "documents", _vectors(model, collection, seed), labels)
    series = {"listwise loss of the training queries": list(losses)} if losses else {}
    with tf.io.gfile.GFile(f"{log_dir}/history.json", "w") as file:
        file.write(json.dumps({"x": "step of the fit", "series": series}))


def _vectors(model: SearchModel, collection: Collection, seed: int) -> NDArray[Any]:
    scorer = model.scorer
    if isinstance(scorer, FusedScorer):
        scorer = scorer.scorers[scorer.embedder]
    if isinstance(scorer, VectorScorer):
        return scorer.document_vectors.numpy()
    documents = tfidf(collection)
    return documents @ principal_axes(documents, _PROJECTED, 10_000, seed)
