"""Ratings that went through the family's real Transform and Trainer."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from tensorflow_metadata.proto.v0.schema_pb2 import Schema

from components.models.matrix_factorization import FAMILY, MatrixFactorizationSettings, trainer
from components.models.matrix_factorization.network import Ratings
from tests.prepared import Prepared, read_schema, transform, write_raw
from tests.prepared import write_records as write_records

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


def schema() -> Schema:
    """Return the family's curated schema."""
    return read_schema(FAMILY)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Prepared:
    root = tmp_path_factory.mktemp("ratings")
    write_raw(root, splits())
    return transform(root, FAMILY, settings())


@pytest.fixture(scope="session")
def trained(prepared, tmp_path_factory) -> Path:
    """Return the folder that `run_fn` filled with the default settings."""
    out = tmp_path_factory.mktemp("trained")
    trainer.run_fn(prepared.fn_args(settings(serve={"top_k": 10}), out))
    return out


@pytest.fixture(scope="session")
def model(trained):
    return tf.saved_model.load(str(trained / "serving"))
