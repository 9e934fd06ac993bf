"""Ratings of a rank-4 model with noise, through the family's Transform, and what one process makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.family import find_family
from pipelines.settings import load_settings
from tests.prepared import Prepared, transform, write_raw
from tests.replicas import train_here

USERS, ITEMS, RANK = 400, 250, 4
EPOCHS = 24


def splits() -> dict[str, list[dict[str, Any]]]:
    """Return 20,000 ratings to train on and 2,000 of the same users and items to test on."""
    random = np.random.default_rng(3)
    user, item = random.normal(size=(USERS, RANK)), random.normal(size=(ITEMS, RANK))
    noise = random.normal(scale=0.3, size=(USERS, ITEMS))
    values = np.clip(3 + 0.5 * user @ item.T + noise, 1, 5)
    cells = random.permutation(USERS * ITEMS)[:22_000]
    rows = [
        {"user_id": f"u{u}", "item_id": f"i{i}", "rating": float(values[u, i]), "timestamp": 1}
        for u, i in zip(*np.divmod(cells, ITEMS), strict=True)
    ]
    return {
        "train": rows[:20_000],
        "eval": [{key: row[key] for key in ("user_id", "item_id", "rating")} for row in rows[20_000:]],
        "items": [{"item_id": f"i{i}", "title": f"Title {i}", "genres": ["a"]} for i in range(ITEMS)],
        "users": [{"user_id": f"u{u}", "age": "30"} for u in range(USERS)],
    }


@pytest.fixture(scope="session")
def settings() -> Any:
    """Return settings of a training that takes some seconds."""
    changes = [f"train.epochs={EPOCHS}", "train.patience=100", "train.dimensions=16"]
    return load_settings(find_family("matrix-factorization"), overrides=changes)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, settings: Any) -> Prepared:
    root = tmp_path_factory.mktemp("ratings")
    write_raw(root, splits())
    return transform(root, find_family("matrix-factorization"), settings)


@pytest.fixture(scope="session")
def alone(prepared: Prepared, settings: Any, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Return the RMSE of one process, without any fault."""
    return train_here(prepared, settings, Path(tmp_path_factory.mktemp("alone")))
