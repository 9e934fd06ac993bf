"""Write a split as gzipped TFRecords, the same bytes on every run."""

from __future__ import annotations

import hashlib
import posixpath
import uuid
from collections.abc import Iterable, Iterator

import apache_beam as beam
import tensorflow as tf

from components.ingest.records import encode
from components.object_store import connect

_PER_SHARD = 250_000


class WriteSplit(beam.PTransform):
    """Write records to `<folder>/data_tfrecord-<shard>-of-<shards>.gz`.

    Records are ordered by a hash of their bytes: the same records give the same files, and neighbours in a
    file have nothing in common, which suits training from a small shuffle buffer. A split without records
    becomes one file without records.

    Args:
        folder: The split's folder.
        scratch: Folder on the same file system for files that are not complete.
    """

    def __init__(self, folder: str, scratch: str) -> None:
        super().__init__()
        self._folder = folder
        self._scratch = scratch

    def expand(self, records: beam.PCollection) -> beam.PCollection:
        """Return the names of the files."""
        encoded = records | "Encode" >> beam.Map(encode)
        shards = encoded | beam.combiners.Count.Globally() | "Shards" >> beam.Map(_shards)
        keyed = encoded | "Shard" >> beam.Map(_shard, beam.pvalue.AsSingleton(shards))
        # Every shard exists even when no record hashes to it.
        empty = shards | "EveryShard" >> beam.FlatMap(lambda n: [(shard, b"") for shard in range(n)])
        return (
            (keyed, empty)
            | beam.Flatten()
            | beam.GroupByKey()
            | "Write" >> beam.ParDo(_write, beam.pvalue.AsSingleton(shards), self._folder, self._scratch)
        )


def _shards(records: int) -> int:
    return max(1, -(-records // _PER_SHARD))


def _digest(record: bytes) -> bytes:
    return hashlib.blake2b(record, digest_size=16).digest()


def _shard(record: bytes, shards: int) -> tuple[int, bytes]:
    return int.from_bytes(_digest(record)[:8], "big") % shards, record


def _write(element: tuple[int, Iterable[bytes]], shards: int, folder: str, scratch: str) -> Iterator[str]:
    shard, records = element
    name = f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz"
    partial = posixpath.join(scratch, f"{uuid.uuid4().hex}.gz")
    connect(folder)  # A worker of Beam's may start here.
    tf.io.gfile.makedirs(folder)
    tf.io.gfile.makedirs(scratch)
    with tf.io.TFRecordWriter(partial, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for record in sorted(filter(None, records), key=_digest):
            writer.write(record)
    # Renamed when complete: a bundle that Beam retries cannot leave half a file behind.
    tf.io.gfile.rename(partial, posixpath.join(folder, name), overwrite=True)
    yield name
