from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import InputError, LodestarError
from components.family import CatalogueColumns
from components.gateway import importer as importing
from components.gateway.catalogue import Catalogue, Item
from components.gateway.database import EVENTS, ITEMS, USERS, Database
from components.gateway.feedback import Feedback, FeedbackLog
from components.gateway.importer import Imported, Importer
from components.gateway.schemas import FeedbackEvent
from components.ingest.records import encode

COLUMNS = CatalogueColumns(
    "items", "item_id", metadata=("genres", "year"), categories="genres", events=("train", "eval")
)


def write(folder: Path, **splits: list[dict[str, Any]]) -> str:
    for split, records in splits.items():
        path = folder / f"Split-{split}" / "data.gz"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in records:
                writer.write(encode(record))
    return str(folder)


def rated(user: str, item: str, rating: float | None = 3.0, time: int | None = 100) -> dict[str, Any]:
    optional = {"rating": rating, "timestamp": time}
    return {"user_id": user, "item_id": item, **{k: v for k, v in optional.items() if v is not None}}


@pytest.fixture
def importer(database: Database) -> Importer:
    return Importer(database)


def test_items_come_with_title_metadata_and_categories(database, importer, tmp_path):
    items = [
        {"item_id": "1", "title": "One", "genres": ["Drama"], "year": 1999},
        {"item_id": "ü/2", "genres": ["Drama", "Comedy"]},
        {"item_id": "3"},
    ]
    assert importer.run("movies", COLUMNS, write(tmp_path / "x", items=items)) == Imported(3, 0)
    assert Catalogue(database).items("movies", ["1", "ü/2", "3", "4"]) == {
        "1": Item("1", "One", {"genres": ["Drama"], "year": 1999}, frozenset({"Drama"})),
        "ü/2": Item("ü/2", "", {"genres": ["Drama", "Comedy"]}, frozenset({"Drama", "Comedy"})),
        "3": Item("3"),
    }
    assert Catalogue(database).items("other", ["1"]) == {}


def test_any_number_of_items_can_be_asked_for(database, importer, tmp_path):
    ids = [str(n) for n in range(1200)]
    importer.run("movies", COLUMNS, write(tmp_path / "x", items=[{"item_id": name} for name in ids]))
    assert list(Catalogue(database).items("movies", [])) == []
    assert len(Catalogue(database).items("movies", ids)) == 1200


def test_events_of_all_splits_become_a_history(database, importer, tmp_path):
    train = [rated("u", "a", 4.5, 100), rated("u", "b", 0.1, 300), rated("v", "a")]
    uri = write(tmp_path / "x", train=train, eval=[rated("u", "c", None, None)])
    assert importer.run("movies", COLUMNS, uri) == Imported(0, 4)
    catalogue = Catalogue(database)
    found = [(e.item, e.type, e.value, e.time) for e in catalogue.history("movies", "u", 10)]
    assert found == [("b", "rating", 0.1, 300), ("a", "rating", 4.5, 100), ("c", "view", None, 0)]
    assert catalogue.users("movies", "", 10) == [("u", 3), ("v", 1)]
    assert catalogue.had("movies", "u") == ["b", "a"]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("1", ["1", "10", "11", "1%"]), ("1%", ["1%"]), ("_", []), ("\\", []), ("2", ["2"]), ("x\0", [])],
)
def test_users_begin_with_what_was_typed_and_nothing_is_a_wildcard(
    database, importer, tmp_path, prefix, expected
):
    train = [rated(user, "a") for user in ("10", "2", "1", "11", "1%")]
    importer.run("movies", COLUMNS, write(tmp_path / "x", train=train))
    found = [name for name, _ in Catalogue(database).users("movies", prefix, 10)]
    assert (found[:1], sorted(found)) == (expected[:1], sorted(expected))


@given(times=st.lists(st.integers(0, 3), max_size=12), size=st.integers(1, 5))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_of_a_history_hold_every_event_once(database, times, size):
    with database.begin() as connection:
        connection.execute(sa.delete(EVENTS))
        rows = [
            {"model": "m", "generation": 0, "user": "u", "item": str(n), "type": "view", "time": time}
            for n, time in enumerate(times)
        ]
        if rows:
            connection.execute(sa.insert(EVENTS), rows)
    catalogue, seen, after = Catalogue(database), [], None
    while page := catalogue.history("m", "u", size, after):
        seen += page
        after = (page[-1].time, page[-1].number)
    assert len({event.item for event in seen}) == len(seen) == len(times)
    assert [event.time for event in seen] == sorted(times, reverse=True)


def test_scale_is_that_of_the_newest_import_without_feedback(database, importer, tmp_path):
    catalogue = Catalogue(database)
    assert catalogue.scale("movies") is None
    importer.run("movies", COLUMNS, write(tmp_path / "x", train=[rated("u", "1", 0.5), rated("u", "2", 4.5)]))
    assert catalogue.scale("movies") == (0.5, 4.5)
    importer.run(
        "movies", COLUMNS, write(tmp_path / "y", train=[rated("u", "1", 9.0), rated("u", "2", None)])
    )
    assert catalogue.scale("movies") == (9.0, 9.0)
    assert catalogue.scale("other") is None


def test_new_import_replaces_the_old_one_as_a_whole(database, importer, tmp_path):
    importer.run("movies", COLUMNS, write(tmp_path / "1", items=[{"item_id": "a"}], train=[rated("u", "a")]))
    importer.run("movies", COLUMNS, write(tmp_path / "2", items=[{"item_id": "b"}], train=[rated("v", "b")]))
    catalogue = Catalogue(database)
    assert list(catalogue.items("movies", ["a", "b"])) == ["b"]
    assert catalogue.users("movies", "", 9) == [("v", 1)]
    assert importer.source("movies") == str(tmp_path / "2")
    with database.begin() as connection:
        for table in (ITEMS, EVENTS, USERS):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 1


def test_import_that_fails_half_way_leaves_the_old_one_and_can_be_repeated(
    database, importer, tmp_path, monkeypatch
):
    importer.run("movies", COLUMNS, write(tmp_path / "1", items=[{"item_id": "a"}]))
    second = write(tmp_path / "2", items=[{"item_id": "b"}], train=[rated("v", "b")])
    with monkeypatch.context() as patched:
        patched.setattr(
            importing,
            "rows",
            lambda *a: itertools.chain(
                [[{"item_id": ["b"], "title": [], "genres": [], "year": []}]], _failing()
            ),
        )
        with pytest.raises(OSError, match="gone"):
            importer.run("movies", COLUMNS, second)
    catalogue = Catalogue(database)
    assert list(catalogue.items("movies", ["a", "b"])) == ["a"]
    assert importer.run("movies", COLUMNS, second) == Imported(1, 1)
    assert list(catalogue.items("movies", ["a", "b"])) == ["b"]


def _failing():
    raise OSError("gone")
    yield


def test_while_one_imports_another_does_not(database, tmp_path):
    uri = write(tmp_path / "1", items=[{"item_id": "a"}])
    first, second = Importer(database, lambda: 1000.0), Importer(database, lambda: 1001.0)
    assert first._claim("movies") == 0
    assert second.run("movies", COLUMNS, uri) is None
    later = Importer(database, lambda: 1000.0 + 601)
    assert later.run("movies", COLUMNS, uri) == Imported(1, 0)


def test_feedback_that_was_trained_on_is_in_the_history_once(database, importer, tmp_path):
    feedback = Feedback(FeedbackLog(tmp_path / "log", lambda: 500.0), database, lambda: 500.0)
    event = {"model": "movies", "type": "rating", "user": "u", "value": 2.0}
    feedback.accept([FeedbackEvent(**event, item="a"), FeedbackEvent(**event, item="b")])
    assert len(Catalogue(database).history("movies", "u", 9)) == 2
    importer.run("movies", COLUMNS, write(tmp_path / "1", train=[rated("u", "a", 2.0, 500)]))
    found = Catalogue(database).history("movies", "u", 9)
    assert sorted(event.item for event in found) == ["a", "b"]


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_ids_that_no_database_holds_are_not_known(database, text):
    catalogue = Catalogue(database)
    assert catalogue.items("m", [text]) == {}
    assert catalogue.history("m", text, 9) == catalogue.had("m", text) == []


def test_url_that_is_none_is_refused():
    for url in ("nonsense", "mysql://host/name"):
        with pytest.raises(InputError):
            Database(url)


def test_database_that_is_away_is_named_without_its_password():
    with pytest.raises(LodestarError) as caught:
        Database("postgresql://user:secret@127.0.0.1:1/name?connect_timeout=2")
    assert "127.0.0.1:1" in str(caught.value) and "secret" not in str(caught.value)
