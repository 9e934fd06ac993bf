"""A small collection that went through the family's real Transform."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf
import yaml

from components.models.text_search import FAMILY, TextSearchSettings, trainer
from tests.prepared import Prepared, transform, write_raw

CORPUS = [
    {"id": "d0", "title": "Stem cells", "text": "Stem cells divide and become heart cells."},
    {"id": "d1", "title": "Heart disease", "text": "Disease of the heart kills many patients."},
    {"id": "d2", "title": "", "text": "Mice with a broken gene have a weak heart muscle."},
    {"id": "d3", "title": "Gene therapy", "text": "Therapy mends the gene in mice and in patients."},
    {"id": "d4", "title": "Vitamin D", "text": "Vitamin D deficiency is common in winter."},
    {"id": "d5", "text": "Sunlight makes vitamin D in the skin."},
    {"id": "d6", "title": "天気", "text": "今日は東京都の天気です"},
    {"id": "d7", "title": "", "text": ""},
    {"id": "d8", "title": "Blood pressure", "text": "Salt raises blood pressure in many patients."},
    {"id": "d9", "title": "Exercise", "text": "Exercise lowers blood pressure and strengthens the heart."},
]
TRAIN = [
    {"id": "t0", "text": "dividing stem cells", "relevant_ids": ["d0"], "relevant_grades": [1]},
    {"id": "t1", "text": "broken genes in a mouse", "relevant_ids": ["d2", "d3"], "relevant_grades": [2, 1]},
    {"id": "t2", "text": "high blood pressure", "relevant_ids": ["d8", "d9"], "relevant_grades": [1, 1]},
]
EVAL = [
    {"id": "e0", "text": "what does vitamin D do", "relevant_ids": ["d4", "d5"], "relevant_grades": [2, 1]},
    {"id": "e1", "text": "東京", "relevant_ids": ["d6"], "relevant_grades": [1]},
    {"id": "e2", "text": "unheard-of xylophones", "relevant_ids": ["d1"], "relevant_grades": [1]},
    {
        "id": "e3",
        "text": "does taking exercise regularly make the heart of a healthy person stronger than before",
        "relevant_ids": ["d9"],
        "relevant_grades": [1],
    },
]
FOLDER = Path(FAMILY.folder)


def configured(**changes: dict) -> TextSearchSettings:
    """Return the default settings with `section={"key": value}` changed."""
    config = yaml.safe_load((FOLDER / "config.yaml").read_text())
    for section, values in changes.items():
        config[section].update(values)
    return TextSearchSettings.model_validate(config)


def write_split(root: Path, split: str, records: list[dict]) -> None:
    write_raw(root, {split: records})


def prepare(root: Path, splits: dict[str, list[dict]], settings: TextSearchSettings) -> Prepared:
    """Write the records and run Transform on them, analyzing the corpus."""
    write_raw(root, splits)
    return transform(root, FAMILY, settings)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Prepared:
    splits = {"corpus": CORPUS, "train": TRAIN, "eval": EVAL}
    return prepare(tmp_path_factory.mktemp("text"), splits, configured())


@pytest.fixture(scope="session")
def fused(prepared, tmp_path_factory) -> Iterator[Path]:
    """Return the folder that `run_fn` filled with the default settings."""
    out = tmp_path_factory.mktemp("fused")
    trainer.run_fn(prepared.fn_args(configured(train={"dimensions": 4}), out))
    yield out


@pytest.fixture(scope="session")
def model(fused):
    return tf.saved_model.load(str(fused / "serving"))


def search(model, *queries: str | bytes) -> list[list[str]]:
    """Return the ids that a loaded model answers each query with, padding left out."""
    ids = model.signatures["serving_default"](query=tf.constant(queries))["ids"].numpy()
    return [[name.decode() for name in row if name] for row in ids]


def history(out: Path) -> dict:
    return json.loads((out / "logs" / "history.json").read_text())
