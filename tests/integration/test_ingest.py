"""The Ingest component in a real TFX pipeline of one node, on both samples and on changed data."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
import pytest
import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx

import components.models
from components.errors import InputError
from components.examples import Examples
from components.ingest.component import Ingest

MODELS = Path(components.models.__path__[0])
RATINGS = MODELS / "matrix_factorization" / "sample"
COLLECTION = MODELS / "text_search" / "sample"


@dataclass(frozen=True)
class Published:
    """What the last execution of the node left in the metadata store."""

    state: str
    examples: Examples
    splits: list[str]
    summary: str
    counts: dict[str, int]


@pytest.fixture
def ingest(tmp_path: Path) -> Callable[..., Published]:
    """Run the node in one pipeline root; a second call is a second run of the same pipeline."""
    connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))

    def run(family: str, **data: Any) -> Published:
        node = Ingest(reader=f"components.models.{family}", data=json.dumps(data))
        pipeline = tfx.dsl.Pipeline(
            "test",
            str(tmp_path / "root"),
            components=[node],
            enable_cache=True,
            metadata_connection_config=connection,
        )
        tfx.orchestration.LocalDagRunner().run(pipeline)
        return _published(mlmd.MetadataStore(connection))

    return run


def _published(store: mlmd.MetadataStore) -> Published:
    execution = max(store.get_executions(), key=lambda one: one.id)
    (event,) = [
        event
        for event in store.get_events_by_execution_ids([execution.id])
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    (artifact,) = store.get_artifacts_by_id([event.artifact_id])
    return Published(
        state=metadata_store_pb2.Execution.State.Name(execution.last_known_state),
        examples=Examples(artifact.uri),
        splits=json.loads(artifact.properties["split_names"].string_value),
        summary=artifact.custom_properties["summary"].string_value,
        counts=json.loads(artifact.custom_properties["split_counts"].string_value),
    )


def ratings_of(source: Path, **split: Any) -> dict[str, Any]:
    return {
        "source": str(source),
        "rating_range": [0.5, 5.0],
        "split": split or {"method": "random", "seed": 1},
    }


def small_ratings(folder: Path, rating: str = "3.5") -> Path:
    folder.mkdir(exist_ok=True)
    rows = [f"u{user},i{item},{rating},{user + item}" for user in range(20) for item in range(5)]
    (folder / "ratings.csv").write_text("\n".join(["userId,itemId,rating,timestamp", *rows, ""]))
    return folder / "ratings.csv"


def test_movielens_sample_becomes_four_splits(ingest: Callable[..., Published]) -> None:
    found = ingest("matrix_factorization", **ratings_of(RATINGS))

    assert found.state == "COMPLETE"
    assert found.splits == found.examples.splits() == ["eval", "items", "train", "users"]
    assert found.summary == "100,004 ratings, 671 users, 9,125 items"
    assert found.counts["train"] + found.counts["eval"] == 100_004
    # A tenth, give or take four standard deviations of a binomial.
    assert found.counts["eval"] == pytest.approx(10_000, abs=380)
    train = found.examples.scalars("train", user_id=tf.string, item_id=tf.string, rating=tf.float32)
    with gzip.open(RATINGS / "ratings.csv.gz", "rt") as file:
        published = {tuple(line.split(",")[:2]): float(line.split(",")[2]) for line in file.readlines()[1:]}
    pairs = zip(train["user_id"], train["item_id"], train["rating"], strict=True)
    assert all(published[user.decode(), item.decode()] == rating for user, item, rating in pairs)
    items = found.examples.scalars("items", item_id=tf.string, title=tf.string)
    assert dict(zip(items["item_id"], items["title"], strict=True))[b"1"] == b"Toy Story (1995)"
    genres = found.examples.lists("items", genres=tf.string)["genres"]
    assert sum(len(one) == 0 for one in genres) == 18  # "(no genres listed)"


def test_scifact_sample_becomes_corpus_and_judged_queries(ingest: Callable[..., Published]) -> None:
    found = ingest("text_search", source=str(COLLECTION))

    assert found.splits == found.examples.splits() == ["corpus", "eval", "train"]
    assert found.counts == {"corpus": 5183, "eval": 300, "train": 809}
    judged = found.examples.lists("eval", relevant_ids=tf.string, relevant_grades=tf.int64)
    assert sum(map(len, judged["relevant_ids"])) == sum(map(len, judged["relevant_grades"])) == 339
    documents = set(found.examples.scalars("corpus", id=tf.string, title=tf.string, text=tf.string)["id"])
    assert {document for one in judged["relevant_ids"] for document in one} <= documents


def test_unchanged_data_is_reused_and_a_changed_byte_is_read(
    ingest: Callable[..., Published], tmp_path: Path
) -> None:
    path = small_ratings(tmp_path / "data")
    first = ingest("matrix_factorization", **ratings_of(path.parent))

    path.touch()
    second = ingest("matrix_factorization", **ratings_of(path.parent))
    assert second.state == "CACHED"
    assert second.examples == first.examples

    path.write_text(path.read_text().replace("u0,i0,3.5", "u0,i0,4.5"))
    third = ingest("matrix_factorization", **ratings_of(path.parent))
    assert third.state == "COMPLETE"
    assert third.examples != first.examples
    both = [third.examples.scalars(split, rating=tf.float32)["rating"] for split in ("train", "eval")]
    assert sorted({float(rating) for ratings in both for rating in ratings}) == [3.5, 4.5]


def test_ratings_from_feedback_are_read_once_they_are_new(
    ingest: Callable[..., Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LODESTAR_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "feedback" / "matrix-factorization"
    data = {**ratings_of(small_ratings(tmp_path / "data").parent), "feedback": True}
    first = ingest("matrix_factorization", **data)

    def rate(number: int, user: str, item: str, value: float) -> None:
        event = {"type": "rating", "user": user, "item": item, "value": value, "time": 1e9 + number}
        about = {"event_id": str(number), "examples": first.examples.uri}
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{number}.jsonl").open("w") as file:
            file.write(json.dumps({**event, **about}) + "\n")

    rate(1, "u0", "i0", 1.0)
    rate(2, 'new "user", quoted', "i1", 4.5)
    second = ingest("matrix_factorization", **data)
    assert second.summary == (
        "101 ratings, 21 users, 5 items; 2 ratings from feedback, 1 duplicate rows dropped (last kept)"
    )
    found = {}
    for split in ("train", "eval"):
        rows = second.examples.scalars(split, user_id=tf.string, item_id=tf.string, rating=tf.float32)
        triples = zip(rows["user_id"], rows["item_id"], rows["rating"], strict=True)
        found |= {(user.decode(), item.decode()): rating for user, item, rating in triples}
    assert (found["u0", "i0"], found['new "user", quoted', "i1"]) == (1.0, 4.5)

    assert ingest("matrix_factorization", **data).state == "CACHED"
    rate(3, "u1", "i1", 2.0)
    assert ingest("matrix_factorization", **data).state == "COMPLETE"


def test_changed_settings_are_read_anew(ingest: Callable[..., Published], tmp_path: Path) -> None:
    path = small_ratings(tmp_path / "data")
    ingest("matrix_factorization", **ratings_of(path.parent))

    found = ingest("matrix_factorization", **ratings_of(path.parent, method="leave_last", last=2))

    assert (found.state, found.counts["eval"]) == ("COMPLETE", 40)


def test_two_runs_write_the_same_bytes(ingest: Callable[..., Published], tmp_path: Path) -> None:
    path = small_ratings(tmp_path / "here")
    first = ingest("matrix_factorization", **ratings_of(path.parent))
    there = shutil.copytree(path.parent, tmp_path / "there")

    second = ingest("matrix_factorization", **ratings_of(there))

    assert second.state == "COMPLETE"
    for split in first.splits:
        name = f"Split-{split}/data_tfrecord-00000-of-00001.gz"
        assert Path(first.examples.uri, name).read_bytes() == Path(second.examples.uri, name).read_bytes()


def test_bad_data_publishes_nothing_and_mended_data_goes_through(
    ingest: Callable[..., Published], tmp_path: Path
) -> None:
    path = small_ratings(tmp_path / "data")
    good = path.read_text()
    path.write_text(good.replace("u1,i0,3.5", "u1,i0,35"))

    with pytest.raises(InputError) as caught:
        ingest("matrix_factorization", **ratings_of(path.parent))

    assert (caught.value.source, caught.value.line) == (str(path), 7)
    assert not list((tmp_path / "root").rglob("data_tfrecord*"))
    path.write_text(good)
    assert ingest("matrix_factorization", **ratings_of(path.parent)).state == "COMPLETE"


def test_a_missing_source_is_an_input_error(ingest: Callable[..., Published], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere` is neither a file or folder nor a data set"):
        ingest("matrix_factorization", **ratings_of(tmp_path / "nowhere"))


def test_source_means_what_it_means_where_the_node_runs(
    ingest: Callable[..., Published], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        small_ratings(folder / "data")

    monkeypatch.chdir(here)
    first = ingest("matrix_factorization", **ratings_of(Path("data")))
    monkeypatch.chdir(there)
    same = ingest("matrix_factorization", **ratings_of(Path("data")))
    small_ratings(there / "data", rating="4.5")
    other = ingest("matrix_factorization", **ratings_of(Path("data")))

    assert [found.state for found in (first, same, other)] == ["COMPLETE", "CACHED", "COMPLETE"]
