"""A vocabulary file as a lookup table inside the graph."""

from __future__ import annotations

import tensorflow as tf


def line_numbers(file: str, unknown: int) -> tf.lookup.StaticHashTable:
    """Return the table from each line of `file` to its number, int64 from 0; other strings give `unknown`.

    The file becomes an asset of the SavedModel that holds the table.
    """
    lines = tf.lookup.TextFileInitializer(
        file, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    return tf.lookup.StaticHashTable(lines, unknown)
