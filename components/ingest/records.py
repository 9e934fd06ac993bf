"""Records as tf.train.Example."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from components.ingest.contract import Record


def encode(record: Record) -> bytes:
    """Return `record` as a serialized tf.train.Example; equal records give equal bytes.

    Strings become utf-8 bytes, whole numbers int64, other numbers float32; a list keeps its order.

    Raises:
        TypeError: A value is of no such type, or a list mixes them.
    """
    features = {name: _feature(value) for name, value in record.items()}
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(example.SerializeToString(deterministic=True))


def _feature(value: object) -> tf.train.Feature:
    many: list[Any] = value if isinstance(value, list) else [value]
    kinds = {type(one) for one in many}
    if kinds <= {str}:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode() for text in many]))
    if kinds == {int}:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=many))
    if kinds <= {int, float}:
        return tf.train.Feature(float_list=tf.train.FloatList(value=many))
    raise TypeError(
        f"A record holds {value!r}; only str, int, float and lists of one of them can be written."
    )
