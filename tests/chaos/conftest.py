"""Ratings through the family's Transform, and what one process makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.family import find_family
from pipelines.settings import load_settings
from tests.prepared import Prepared, transform, write_raw
from tests.replicas import rank_four, train_here

EPOCHS = 24


@pytest.fixture(scope="session")
def settings() -> Any:
    """Return settings of a training that takes some seconds."""
    changes = [f"train.epochs={EPOCHS}", "train.patience=100", "train.dimensions=16"]
    return load_settings(find_family("matrix-factorization"), overrides=changes)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> Prepared:
    root = tmp_path_factory.mktemp("ratings")
    write_raw(root, rank_four())
    return transform(root, find_family("matrix-factorization"), settings)


@pytest.fixture(scope="session")
def alone(prepared: Prepared, settings: Any, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Return the RMSE of one process, without any fault."""
    return train_here(prepared, settings, Path(tmp_path_factory.mktemp("alone")))
