"""Ratings that went through the family's real Transform and Trainer."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
import yaml
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public import tfxio

from components.evaluation.scores import EvalData
from components.examples import Examples
from components.ingest.records import encode
from components.models.matrix_factorization import FAMILY, MatrixFactorizationSettings, trainer, transform
from components.models.matrix_factorization.network import Ratings

FOLDER = Path(FAMILY.folder)
USERS, ITEMS, RANK = 40, 25, 2
COLD = {"item_id": "cold", "title": "Never rated"}


def low_rank(
    users: int = USERS, items: int = ITEMS, seen: float = 0.5, seed: int = 0
) -> tuple[Ratings, Ratings]:
    """Return train and test ratings from 1 to 5 that a model of rank 2 explains but for some noise."""
    random = np.random.default_rng(seed)
    user, item = random.normal(size=(users, RANK)), random.normal(size=(items, RANK))
    bias = random.normal(scale=0.4, size=items)
    noise = random.normal(scale=0.2, size=(users, items))
    values = np.clip(3 + bias + 0.8 * user @ item.T + noise, 1, 5).astype(np.float32)
    mask = random.random((users, items)) < seen
    mask[:, 0], mask[0, :] = True, True  # Everybody and everything is known.
    parts = [np.nonzero(mask), np.nonzero(~mask)]
    train, test = (Ratings(u, i, values[u, i], (users, items)) for u, i in parts)
    return train, test


def settings(**changes: dict) -> MatrixFactorizationSettings:
    """Return the default settings with `section={"key": value}` changed."""
    config = yaml.safe_load((FOLDER / "config.yaml").read_text())
    for section, values in changes.items():
        config[section].update(values)
    return MatrixFactorizationSettings.model_validate(config)


def records(ratings: Ratings) -> list[dict]:
    """Return ratings as ingest writes them."""
    rows = zip(ratings.users, ratings.items, ratings.values, strict=True)
    return [{"user_id": f"ü{u}", "item_id": f"item {i}", "rating": float(r)} for u, i, r in rows]


def splits() -> dict[str, list[dict]]:
    """Return a small data set; its eval split has a new user and a new item."""
    train, test = low_rank()
    new = [
        {"user_id": "new user", "item_id": "item 3", "rating": 4.0},
        {"user_id": "ü3", "item_id": "cold", "rating": 2.0},
    ]
    titled = [{"item_id": f"item {i}", "title": f"Títle {i}", "genres": ["a", "b"]} for i in range(ITEMS - 1)]
    return {
        "train": [{**record, "timestamp": 1} for record in records(train)],
        "eval": records(test) + new,
        "items": [*titled, {"item_id": f"item {ITEMS - 1}"}, COLD],
        "users": [{"user_id": f"ü{u}", "age": "30"} for u in range(USERS)] + [{"user_id": "new user"}],
    }


@dataclass(frozen=True)
class Prepared:
    """Where the raw and transformed examples and the transform graph are."""

    root: Path

    @property
    def data(self) -> EvalData:
        raw, transformed = Examples(str(self.root / "raw")), Examples(str(self.root / "transformed"))
        return EvalData(raw, transformed, str(self.root / "graph"))

    @property
    def graph(self) -> tft.TFTransformOutput:
        return tft.TFTransformOutput(str(self.root / "graph"))

    def fn_args(self, choice: MatrixFactorizationSettings, out: Path) -> SimpleNamespace:
        return SimpleNamespace(
            custom_config={"settings": choice.model_dump_json(include={"transform", "train", "serve"})},
            train_files=[str(self.root / "transformed" / "Split-train" / "*")],
            transform_graph_path=str(self.root / "graph"),
            serving_model_dir=str(out / "serving"),
            model_run_dir=str(out / "logs"),
        )


def schema() -> schema_pb2.Schema:
    """Return the family's curated schema."""
    return text_format.Parse((FOLDER / "schema.pbtxt").read_text(), schema_pb2.Schema())


def write_records(path: Path, rows: list[dict]) -> None:
    """Write one file of examples."""
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in rows:
            writer.write(encode(row))


def prepare(root: Path, data: dict[str, list[dict]]) -> Prepared:
    """Write the records and run Transform on them, analyzing train."""
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(root / "tmp")):
        sources = {}
        for split, rows in data.items():
            write_records(root / "raw" / f"Split-{split}" / "data.gz", rows)
            source = tfxio.TFExampleRecord(str(root / "raw" / f"Split-{split}" / "*"), schema=schema())
            sources[split] = (pipeline | f"Read{split}" >> source.BeamSource(), source.TensorAdapterConfig())
        analyze = tft_beam.AnalyzeDataset(
            lambda inputs: transform.preprocessing_fn(inputs, {"transform": {}})
        )
        graph = sources["train"] | analyze
        _ = graph | tft_beam.WriteTransformFn(str(root / "graph"))
        for split, source in sources.items():
            batches, metadata = (source, graph) | f"Transform{split}" >> tft_beam.TransformDataset(
                output_record_batches=True
            )
            coder = tfxio.RecordBatchToExamplesEncoder(metadata.schema)
            folder = root / "transformed" / f"Split-{split}"
            _ = (
                batches
                | f"Encode{split}" >> beam.FlatMapTuple(lambda batch, _, coder=coder: coder.encode(batch))
                | f"Write{split}" >> beam.io.WriteToTFRecord(str(folder / "part"), file_name_suffix=".gz")
            )
    return Prepared(root)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Prepared:
    return prepare(tmp_path_factory.mktemp("ratings"), splits())


@pytest.fixture(scope="session")
def trained(prepared, tmp_path_factory) -> Path:
    """Return the folder that `run_fn` filled with the default settings."""
    out = tmp_path_factory.mktemp("trained")
    trainer.run_fn(prepared.fn_args(settings(serve={"top_k": 10}), out))
    return out


@pytest.fixture(scope="session")
def model(trained):
    return tf.saved_model.load(str(trained / "serving"))
