"""Vectors in clusters, and what a search of them must find."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from components.retrieval.build import IndexOptions, build
from components.retrieval.filters import Categories, Filters

COUNT, WIDTH = 2_000, 12
GENRES = [b"even", b"odd", b"rare"]


def clustered(count: int, seed: int = 0) -> np.ndarray:
    """Return vectors of different lengths around 40 directions."""
    centres = np.random.default_rng(7).standard_normal((40, WIDTH))
    random = np.random.default_rng(seed)
    found = centres[random.integers(0, 40, count)] + 0.3 * random.standard_normal((count, WIDTH))
    return (found * random.uniform(0.8, 1.2, (count, 1))).astype(np.float32)


@pytest.fixture(scope="session")
def vectors() -> tf.Variable:
    return tf.Variable(clustered(COUNT), trainable=False)


@pytest.fixture(scope="session")
def queries() -> np.ndarray:
    return clustered(64, seed=1)


@pytest.fixture(scope="session")
def categories() -> Categories:
    """Return categories of which `rare` has 12 members all over the place."""
    held = [[GENRES[i % 2], *([b"rare"] if i % 170 == 3 else [])] for i in range(COUNT)]
    return Categories(held)


@pytest.fixture(scope="session")
def indices(vectors, queries) -> dict[str, object]:
    """Return an index of each kind."""
    kinds = {
        "exact": IndexOptions("exact"),
        "ivf": IndexOptions("ivf", cells=64),
        "quantized": IndexOptions("ivf", quantized=True, cells=64),
    }
    return {name: build(vectors, queries, options) for name, options in kinds.items()}


@pytest.fixture
def request_of(categories) -> Callable[..., Filters]:
    """Return `request_of(excluded, names)`: the filters of a batch."""

    def filters(excluded: list[list[int]], names: list[list[str]]) -> Filters:
        wide = max(map(len, names))
        asked = tf.constant([row + [""] * (wide - len(row)) for row in names], tf.string, [len(names), wide])
        shape = [len(excluded), max(map(len, excluded))]
        left = tf.constant([row + [-1] * (shape[1] - len(row)) for row in excluded], tf.int64, shape)
        return Filters(left, categories, categories.wanted(asked))

    return filters
