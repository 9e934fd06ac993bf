"""What a family's trainer and evaluator read, made by the family's own code without a TFX pipeline.

    <root>/raw/Split-<split>/          what ingest writes
    <root>/transformed/Split-<split>/  what Transform writes
    <root>/graph/                      Transform's graph

Unit tests prepare records of their own with `write_raw`, benchmarks a whole data set with `ingest`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public import tfxio

from components.evaluation.scores import EvalData
from components.examples import Examples
from components.family import Family, FamilySettings
from components.ingest.contract import Record
from components.ingest.records import encode
from components.ingest.writer import WriteSplit


@dataclass(frozen=True)
class Prepared:
    """Raw examples, transformed examples and the transform graph under one folder."""

    root: Path

    @property
    def data(self) -> EvalData:
        """Return what an evaluator reads."""
        raw, transformed = Examples(str(self.root / "raw")), Examples(str(self.root / "transformed"))
        return EvalData(raw, transformed, str(self.root / "graph"))

    @property
    def graph(self) -> tft.TFTransformOutput:
        """Return the transform graph, loaded."""
        return tft.TFTransformOutput(str(self.root / "graph"))

    def fn_args(self, settings: FamilySettings, out: Path) -> SimpleNamespace:
        """Return what `run_fn` is given; it fills `<out>/serving` and `<out>/logs`."""
        sections = settings.model_dump_json(include={"transform", "train", "serve"})
        return SimpleNamespace(
            custom_config={"settings": sections},
            hyperparameters=None,
            train_files=[str(self.root / "transformed" / "Split-train" / "*")],
            transform_graph_path=str(self.root / "graph"),
            serving_model_dir=str(out / "serving"),
            model_run_dir=str(out / "logs"),
        )


def read_schema(family: Family) -> schema_pb2.Schema:
    """Return the family's curated schema."""
    return text_format.Parse((family.folder / "schema.pbtxt").read_text(), schema_pb2.Schema())


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write one file of examples, in a folder that is not there yet."""
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(encode(record))


def write_raw(root: Path, splits: Mapping[str, Iterable[Record]]) -> None:
    """Write records where ingest would, each split as one file in the order given."""
    for split, records in splits.items():
        write_records(root / "raw" / f"Split-{split}" / "data.gz", records)


def ingest(root: Path, family: Family, settings: FamilySettings) -> None:
    """Read the source that the settings name and write every split."""
    with beam.Pipeline() as pipeline:
        ingested = family.load("ingest").read(pipeline, settings.data)
        for split, records in ingested.splits.items():
            writer = WriteSplit(str(root / "raw" / f"Split-{split}"), str(root / "tmp"))
            _ = records | f"Write[{split}]" >> writer


def transform(root: Path, family: Family, settings: FamilySettings) -> Prepared:
    """Analyze the family's analyzed split, then transform every raw split under `root`."""
    schema = read_schema(family)
    function = functools.partial(
        family.load("transform").preprocessing_fn,
        custom_config={"transform": settings.transform.model_dump(mode="json")},
    )
    splits = sorted(folder.name.removeprefix("Split-") for folder in (root / "raw").iterdir())
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(root / "tmp")):
        read = {split: _read(pipeline, root, split, schema) for split in splits}
        graph = read[family.analyzed] | tft_beam.AnalyzeDataset(function)
        _ = graph | tft_beam.WriteTransformFn(str(root / "graph"))
        for split, dataset in read.items():
            _write_transformed(root, split, dataset, graph)
    return Prepared(root)


def _read(pipeline: beam.Pipeline, root: Path, split: str, schema: schema_pb2.Schema) -> Any:
    source = tfxio.TFExampleRecord(str(root / "raw" / f"Split-{split}" / "*"), schema=schema)
    return pipeline | f"Read[{split}]" >> source.BeamSource(), source.TensorAdapterConfig()


def _write_transformed(root: Path, split: str, dataset: Any, graph: Any) -> None:
    apply = tft_beam.TransformDataset(output_record_batches=True)
    batches, metadata = (dataset, graph) | f"Transform[{split}]" >> apply
    coder = tfxio.RecordBatchToExamplesEncoder(metadata.schema)
    path = str(root / "transformed" / f"Split-{split}" / "part")
    _ = (
        batches
        | f"Encode[{split}]" >> beam.FlatMapTuple(lambda batch, _: coder.encode(batch))
        | f"WriteTransformed[{split}]" >> beam.io.WriteToTFRecord(path, file_name_suffix=".gz")
    )
