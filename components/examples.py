"""Read an Examples artifact: gzipped TFRecords of tf.Example, one folder per split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.object_store import connect

_BATCH = 4096


@dataclass(frozen=True)
class Examples:
    """An Examples artifact, raw or transformed.

    Attributes:
        uri: Folder that holds one `Split-<name>` folder per split.
    """

    uri: str

    @classmethod
    def of_files(cls, patterns: Sequence[str]) -> Examples:
        """Return the artifact that a Trainer's `fn_args.train_files` belongs to."""
        return cls(patterns[0].rpartition("/Split-")[0])

    def splits(self) -> list[str]:
        """Return the names of the splits, sorted."""
        connect(self.uri)
        folders = tf.io.gfile.glob(f"{self.uri}/Split-*")
        return sorted(folder.rstrip("/").rpartition("/Split-")[2] for folder in folders)

    def scalars(self, split: str, **features: tf.DType) -> dict[str, NDArray[Any]]:
        """Return one array of shape `[n]` per feature; every record must have exactly one value.

        String features come back as arrays of `bytes` objects. A split that is not there gives empty arrays.
        """
        spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in features.items()}
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in features}
        for batch in self._parsed(split, spec):
            for name, values in batch.items():
                parts[name].append(values.numpy())
        return {
            name: np.concatenate(arrays) if arrays else np.empty([0], features[name].as_numpy_dtype)
            for name, arrays in parts.items()
        }

    def lists(self, split: str, **features: tf.DType) -> dict[str, list[NDArray[Any]]]:
        """Return one list of `n` arrays per feature; a record without the feature gives an empty array."""
        spec = {name: tf.io.RaggedFeature(dtype) for name, dtype in features.items()}
        found: dict[str, list[NDArray[Any]]] = {name: [] for name in features}
        for batch in self._parsed(split, spec):
            for name, ragged in batch.items():
                found[name].extend(np.split(ragged.values.numpy(), ragged.row_splits.numpy()[1:-1]))
        return found

    def _parsed(self, split: str, spec: dict[str, object]) -> tf.data.Dataset:
        connect(self.uri)
        files = sorted(tf.io.gfile.glob(f"{self.uri}/Split-{split}/*"))
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        return records.batch(_BATCH).map(lambda batch: tf.io.parse_example(batch, spec))
