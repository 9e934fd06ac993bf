"""What TensorBoard and the report show of a fit: curves, the graph, the documents in the projector."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from components.projector import write_projector

from .collection import Collection, tfidf
from .encoders import principal_axes
from .network import FusedScorer, SearchModel, VectorScorer

_PROJECTED = 50


def write(
    log_dir: str, model: SearchModel, collection: Collection, curves: Mapping[str, Sequence[float]], seed: int
) -> None:
    """Write scalars, graph, projector and `history.json` to `log_dir`.

    Args:
        log_dir: TensorBoard's folder.
        model: The fitted model.
        collection: The documents.
        curves: Encoder -> mean nDCG@10 of the training queries at each weight of the grid, rising.
        seed: Of the projection, for encoders without dense vectors.
    """
    with tf.summary.create_file_writer(log_dir).as_default(step=0):
        tf.summary.graph(model.search.get_concrete_function().graph)
        tf.summary.scalar("collection/documents", collection.counts.shape[0])
        tf.summary.scalar("collection/terms", collection.counts.shape[1])
        for name, values in curves.items():
            for step, value in enumerate(values):
                tf.summary.scalar(f"fusion/ndcg@10 by weight of {name}", value, step=step)
    labels = [
        title.decode() or name.decode() for title, name in zip(collection.titles, collection.ids, strict=True)
    ]
    write_projector(log_dir, "documents", _vectors(model, collection, seed), labels)
    series = {f"ndcg@10 of the training queries, {name}": list(values) for name, values in curves.items()}
    with tf.io.gfile.GFile(f"{log_dir}/history.json", "w") as file:
        file.write(json.dumps({"x": "step of the fusion weight", "series": series}))


def _vectors(model: SearchModel, collection: Collection, seed: int) -> NDArray[Any]:
    scorer = model.scorer
    if isinstance(scorer, FusedScorer):
        scorer = scorer.scorers[scorer.embedder]
    if isinstance(scorer, VectorScorer):
        return scorer.document_vectors.numpy()
    documents = tfidf(collection)
    return documents @ principal_axes(documents, _PROJECTED, 10_000, seed)
