"""Small families and SavedModels that the gateway is tested with: they answer what can be foreseen.

Items `i0` ... `i29` stand on an arc in their order; every third is `red`, the others are `blue`. User `u<n>`
likes item n best and the others the less the further they are from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components import artifact
from components.family import CatalogueColumns, Family, FamilySettings, Query
from components.ingest.records import encode
from components.retrieval.build import IndexOptions
from components.retrieval.shards import save_shards

COUNT, TOP = 30, 20
IDS = [f"i{n}" for n in range(COUNT)]
# No two items are as far from a third.
ANGLES = 0.1 * np.arange(COUNT) + 0.002 * np.arange(COUNT) ** 2
VECTORS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)
COLOURS = ["red" if n % 3 == 0 else "blue" for n in range(COUNT)]
LOWEST = float(np.finfo(np.float32).min)


def family(name: str, **fields: Any) -> Family:
    """Return a family that exists only for the gateway."""
    about = {
        "title": f"The toy {name}",
        "task": "search",
        "settings": FamilySettings,
        "signatures": ("serving_default",),
        "splits": (),
        "analyzed": "",
        "query": Query(text_input="query"),
    }
    return Family(package=f"toys.{name}", **{**about, **fields})


SEARCH = family(
    "toy_search", catalogue=CatalogueColumns("corpus", "id", metadata=("text", "colour"), categories="colour")
)
RECOMMENDER = family(
    "toy_recommender",
    task="recommendation",
    query=Query(options=(("user", "user_id"),), constants=(("exclude_seen", True),)),
    catalogue=CatalogueColumns(
        "items", "item_id", metadata=("genres",), categories="genres", events=("train", "eval")
    ),
)
PICTURES = family("toy_pictures", query=Query(upload="image", upload_input="image_bytes"))
PLAIN = family("toy_plain")
FAMILIES = {one.name: one for one in (SEARCH, RECOMMENDER, PICTURES, PLAIN)}


def ranked(scores: tf.Tensor, allowed: tf.Tensor) -> dict[str, tf.Tensor]:
    best, rows = tf.math.top_k(tf.where(allowed, scores, LOWEST), TOP)
    return {"ids": tf.where(best > LOWEST, tf.gather(tf.constant(IDS), rows), ""), "scores": best}


class Items(tf.Module):
    """What search and recommender share: every signature that is about items alone."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.vector = tf.Variable(VECTORS, trainable=False)
        self.colour = tf.Variable(COLOURS, trainable=False)
        self.number = tf.Variable(version, trainable=False)
        keys, values = tf.constant(IDS), tf.range(COUNT)
        self.row = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)

    def near(self, row: tf.Tensor) -> tf.Tensor:
        """Return scores `[b, n]` around the items in `row`; zeros for -1. A later version doubles them."""
        vectors = tf.gather(self.vector, tf.maximum(row, 0))
        scores = tf.matmul(vectors, self.vector, transpose_b=True) * tf.cast(self.number, tf.float32)
        return tf.where(row[:, tf.newaxis] >= 0, scores, tf.zeros_like(scores))

    def allowed(self, exclude_ids: tf.Tensor, categories: tf.Tensor) -> tf.Tensor:
        ids = tf.constant(IDS)[tf.newaxis, :, tf.newaxis]
        kept = ~tf.reduce_any(ids == exclude_ids[:, tf.newaxis, :], axis=2)
        wanted = tf.reduce_any(self.colour[tf.newaxis, :, tf.newaxis] == categories[:, tf.newaxis, :], axis=2)
        return kept & (wanted | ~tf.reduce_any(categories != "", axis=1, keepdims=True))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "ids")])
    def similar(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        row = self.row.lookup(ids)
        itself = tf.range(COUNT)[tf.newaxis] == row[:, tf.newaxis]
        return ranked(self.near(row), ~itself & (row[:, tf.newaxis] >= 0))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "ids")])
    def vectors(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        row = self.row.lookup(ids)
        found = tf.gather(self.vector, tf.maximum(row, 0))
        return {"embedding": tf.where(row[:, tf.newaxis] >= 0, found, tf.zeros_like(found))}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "ids")])
    def titles(self, ids: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"titles": tf.where(self.row.lookup(ids) >= 0, tf.strings.join(["Title of ", ids]), "")}

    def signatures(self) -> dict[str, Any]:
        return {"similar": self.similar, "vectors": self.vectors, "titles": self.titles}


FILTERS = [
    tf.TensorSpec([None, None], tf.string, "exclude_ids"),
    tf.TensorSpec([None, None], tf.string, "categories"),
    tf.TensorSpec([None], tf.int32, "n_probe"),
]


class Search(Items):
    """Finds the item whose id is in the query; other words find nothing special."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "query")])
    def search(self, query: tf.Tensor) -> dict[str, tf.Tensor]:
        return ranked(self._scores(query), tf.fill(tf.stack([tf.shape(query)[0], COUNT]), True))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "query"), *FILTERS])
    def retrieve(
        self, query: tf.Tensor, exclude_ids: tf.Tensor, categories: tf.Tensor, n_probe: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        del n_probe
        return ranked(self._scores(query), self.allowed(exclude_ids, categories))

    def _scores(self, query: tf.Tensor) -> tf.Tensor:
        return self.near(self.row.lookup(tf.strings.regex_replace(query, r".*\b(i[0-9]+)\b.*", r"\1")))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "query")])
    def embed(self, query: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": tf.gather(self.vector, tf.maximum(self.row.lookup(query), 0))}

    def signatures(self) -> dict[str, Any]:
        found = {"serving_default": self.search, "retrieve": self.retrieve, "embed": self.embed}
        return {**super().signatures(), **found}


class Recommender(Items):
    """Has no `retrieve`: the gateway has to filter. User `u<n>` has seen item n."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "user_id"),
            tf.TensorSpec([None], tf.bool, "exclude_seen"),
        ]
    )
    def recommend(self, user_id: tf.Tensor, exclude_seen: tf.Tensor) -> dict[str, tf.Tensor]:
        row = self.row.lookup(tf.strings.regex_replace(user_id, "^u", "i"))
        seen = (tf.range(COUNT)[tf.newaxis] == row[:, tf.newaxis]) & exclude_seen[:, tf.newaxis]
        return ranked(self.near(row), ~seen)

    def signatures(self) -> dict[str, Any]:
        return {**super().signatures(), "serving_default": self.recommend}


class Pictures(tf.Module):
    """The brightness of a PNG chooses: the item nearest to it comes first."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def search(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        def brightness(image: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.cast(tf.io.decode_png(image, channels=1), tf.float32)) / 255

        light = tf.map_fn(brightness, image_bytes, fn_output_signature=tf.float32)
        places = tf.linspace(0.0, 1.0, COUNT)
        scores = -tf.abs(light[:, tf.newaxis] - places[tf.newaxis])
        return ranked(scores, tf.fill(tf.shape(scores), True))


class Plain(tf.Module):
    """As little as a family may have: `serving_default`."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "query")])
    def search(self, query: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = tf.tile(tf.range(COUNT, 0.0, -1.0)[tf.newaxis], [tf.shape(query)[0], 1])
        return ranked(scores, tf.fill(tf.shape(scores), True))


def publish(root: Path, name: str, examples: Path | None = None) -> Path:
    """Push the next version of a toy, as the Pusher does."""
    number = len(artifact.versions(root / name)) + 1
    made = {
        "toy-search": lambda: Search(number),
        "toy-recommender": lambda: Recommender(number),
        "toy-pictures": Pictures,
        "toy-plain": Plain,
    }[name]()
    signatures = made.signatures() if isinstance(made, Items) else {"serving_default": made.search}
    staged = root.parent / f"export-{name}-{number}"
    tf.saved_model.save(made, str(staged), signatures=signatures)
    return artifact.publish(staged, root / name, {"examples_uri": str(examples) if examples else ""})


def publish_shards(root: Path, count: int) -> list[str]:
    """Push the search items divided into models of their own, and return those models' names."""
    names = np.array([name.encode() for name in IDS], object)
    written = save_shards(root.parent / "shards", names, VECTORS, count, 8, IndexOptions("exact"))
    for folder in written:
        artifact.publish(folder, root / folder.name, {})
    return [folder.name for folder in written]


def write_search_examples(folder: Path) -> Path:
    """Write what ingest would of the search items; `i29` is not among them."""
    records = [
        {"id": name, "title": f"Item {name}", "text": f"A {colour} thing {'long ' * 200}", "colour": [colour]}
        for name, colour in zip(IDS[:-1], COLOURS[:-1], strict=True)
    ]
    return write_splits(folder, {"corpus": records})


def write_recommender_examples(folder: Path) -> Path:
    """Write items, and ratings: user `u<n>` gave item n a 5 and item n+15, far from it, a 1."""
    items = [
        {"item_id": name, "title": f"Item {name}", "genres": [colour, "all"]}
        for name, colour in zip(IDS, COLOURS, strict=True)
    ]
    good = [event(n, n, 5.0, 2000 + n) for n in range(COUNT)]
    bad = [event(n, (n + 15) % COUNT, 1.0, 1000 + n) for n in range(COUNT)]
    return write_splits(folder, {"items": items, "train": good, "eval": bad})


def event(user: int, item: int, value: float, time: int) -> dict[str, Any]:
    return {"user_id": f"u{user}", "item_id": f"i{item}", "rating": value, "timestamp": time}


def write_splits(folder: Path, splits: Mapping[str, Iterable[dict[str, Any]]]) -> Path:
    for split, records in splits.items():
        path = folder / f"Split-{split}" / "data.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in records:
                writer.write(encode(record))
    return folder


def pin(root: Path, **deployed: Any) -> None:
    """Write `deployments.json`; names have `_` for `-`."""
    entries = {name.replace("_", "-"): entry for name, entry in deployed.items()}
    aside = root / ".deployments"
    aside.write_text(json.dumps(entries))
    aside.rename(root / "deployments.json")
