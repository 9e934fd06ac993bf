"""Stream the rows of an Examples artifact: batch by batch, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from components.object_store import connect

BATCH = 4096

Row = dict[str, list[Any]]


def rows(uri: str, split: str, features: Sequence[str]) -> Iterator[list[Row]]:
    """Yield batches of rows: feature name -> its values, text for bytes; none where a record lacks it.

    Args:
        uri: Folder that holds `Split-<name>` folders.
        split: The split's name; one that is not there has no rows.
        features: Names; the rest of a record is not looked at.
    """
    connect(uri)
    files = sorted(tf.io.gfile.glob(f"{uri}/Split-{split}/*"))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    for batch in records.batch(BATCH).as_numpy_iterator():
        yield [_row(record, features) for record in batch]


def _row(record: bytes, features: Sequence[str]) -> Row:
    found = tf.train.Example.FromString(record).features.feature
    return {name: _values(found[name]) if name in found else [] for name in features}


def _values(feature: Any) -> list[Any]:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return []
    values = list(getattr(feature, kind).value)
    return [_text(value) for value in values] if kind == "bytes_list" else values


def _text(value: bytes) -> str:
    # A database takes no NUL in a text.
    return value.decode("utf-8", "replace").replace("\0", "")
