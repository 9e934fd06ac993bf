"""Embeddings for TensorBoard's projector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from numpy.typing import NDArray
from tensorboard.plugins import projector

_CONFIG = "projector_config.pbtxt"
_SHOWN = 10_000


def write_projector(log_dir: str, name: str, vectors: NDArray[Any], labels: Sequence[str]) -> None:
    """Add one set of labelled points to the projector of `log_dir`.

    A second call with another name adds to the first; with the same name it replaces it. Of more than 10,000
    points every so-manieth is written: the browser draws no more.

    Args:
        log_dir: TensorBoard's folder, on any file system that TensorFlow writes.
        name: Names the points in the projector and the files; letters, digits, `-` and `_`.
        vectors: float `[n, d]`.
        labels: What each point is called, `[n]`; tabs and line breaks become spaces.
    """
    shown = np.arange(0, len(vectors), -(-len(vectors) // _SHOWN) or 1)
    files = f"{name}-vectors.tsv", f"{name}-labels.tsv"
    lines = ["\t".join(f"{value:.5g}" for value in vectors[i]) for i in shown]
    _write(f"{log_dir}/{files[0]}", lines)
    _write(f"{log_dir}/{files[1]}", [" ".join(labels[i].split()) or "-" for i in shown])
    config = _read_config(f"{log_dir}/{_CONFIG}")
    others = [embedding for embedding in config.embeddings if embedding.tensor_name != name]
    config = projector.ProjectorConfig(embeddings=others)
    config.embeddings.add(
        tensor_name=name,
        tensor_path=files[0],
        metadata_path=files[1],
        tensor_shape=[len(shown), vectors.shape[1]],
    )
    _write(f"{log_dir}/{_CONFIG}", [text_format.MessageToString(config)])
    # TensorBoard looks for projectors only in folders that hold an event file.
    with tf.summary.create_file_writer(log_dir).as_default(step=0):
        tf.summary.scalar(f"projector/{name}", len(shown))


def _read_config(path: str) -> projector.ProjectorConfig:
    if not tf.io.gfile.exists(path):
        return projector.ProjectorConfig()
    with tf.io.gfile.GFile(path) as file:
        return text_format.Parse(file.read(), projector.ProjectorConfig())


def _write(path: str, lines: list[str]) -> None:
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write("\n".join(lines) + "\n")
