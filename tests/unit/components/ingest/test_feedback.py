from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.feedback import COLUMNS, read_feedback, until, write_source

RANGE = (0.5, 5.0)


@pytest.fixture
def examples(tmp_path: Path) -> str:
    folder = tmp_path / "examples"
    folder.mkdir()
    write_source(str(folder), "sample")
    return str(folder)


def event(examples: str, number: int, /, **changes: Any) -> dict[str, Any]:
    given = {"model": "movies", "type": "rating", "user": "u", "item": "i", "value": 4.0}
    return {**given, "event_id": f"e{number}", "time": 100.0 + number, "examples": examples, **changes}


def write(folder: Path, *events: dict[str, Any], name: str = "a.jsonl") -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / name).open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in events)
    return folder


def test_no_folder_is_no_feedback(tmp_path):
    found = read_feedback(tmp_path / "absent", "sample", RANGE)
    assert (found.rows, found.mark()) == ((), "")


def test_latest_rating_of_a_user_for_an_item_counts(tmp_path, examples):
    first, last = event(examples, 1, value=1.0), event(examples, 2, value=5.0)
    folder = write(tmp_path / "f", last, name="a.jsonl")
    write(folder, first, name="b.jsonl")
    assert read_feedback(folder, "sample", RANGE).rows == (("u", "i", 5.0, 102),)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "click"},
        {"value": 0.4},
        {"value": 5.1},
        {"value": "4"},
        {"value": None},
        {"value": True},
        {"user": ""},
        {"user": " u"},
        {"item": "a\nb"},
        {"item": None},
        {"event_id": 1},
        {"time": None},
        {"examples": ""},
        {"examples": "/absent"},
        {"examples": None},
        {"time": 1000.5},
    ],
)
def test_what_is_no_rating_of_this_data_is_left_out(tmp_path, examples, changes):
    folder = write(tmp_path / "f", event(examples, 1, user="kept"), event(examples, 2, **changes))
    found = read_feedback(folder, "sample", RANGE, until=1000.0)
    assert found.rows == (("kept", "i", 4.0, 101),)


def test_ratings_given_on_other_data_are_left_out(tmp_path, examples):
    folder = write(tmp_path / "f", event(examples, 1))
    assert read_feedback(folder, "ml-1m", RANGE).rows == ()


@pytest.mark.parametrize("line", ['{"type": "rating", "us', "[1]", "null", "\xff", "", "{}"])
def test_broken_lines_are_left_out(tmp_path, examples, line):
    folder = write(tmp_path / "f", event(examples, 1))
    (folder / "b.jsonl").write_text(line + "\n", encoding="latin-1")
    write(folder, event(examples, 2, item="j"), name="b.jsonl")
    assert [row[1] for row in read_feedback(folder, "sample", RANGE).rows] == ["i", "j"]


def test_last_line_without_an_end_is_left_out(tmp_path, examples):
    folder = write(tmp_path / "f", event(examples, 1))
    (folder / "b.jsonl").write_text(json.dumps(event(examples, 2, item="torn")))
    assert [row[1] for row in read_feedback(folder, "sample", RANGE).rows] == ["i"]


def test_mark_changes_with_the_ratings_alone(tmp_path, examples):
    folder = write(tmp_path / "f", event(examples, 1))
    first = read_feedback(folder, "sample", RANGE)
    write(folder, event(examples, 1), event(examples, 9, type="click"))
    assert read_feedback(folder, "sample", RANGE).mark() == first.mark() != ""
    write(folder, event(examples, 10, value=2.0))
    assert read_feedback(folder, "sample", RANGE).mark() != first.mark()
    assert read_feedback(folder, "sample", RANGE, until(first.mark())) == first


@given(
    st.lists(
        st.tuples(
            st.sampled_from("uvw"),
            st.text(st.characters(codec="utf-8"), min_size=1),
            st.floats(0.5, 5.0, width=32),
        ),
        max_size=12,
    )
)
@settings(max_examples=60, deadline=None)
def test_table_reads_back_as_the_rows_whatever_the_ids(tmp_path_factory, given_ratings):
    base = tmp_path_factory.mktemp("feedback")
    write_source(str(base), "sample")
    events = [
        event(str(base), n, user=user, item=item, value=value)
        for n, (user, item, value) in enumerate(given_ratings)
    ]
    found = read_feedback(write(base / "f", *events), "sample", RANGE)
    header, *rows = csv.reader(io.StringIO(found.table()))
    assert tuple(header) == COLUMNS
    assert [(u, i, float(v), int(t)) for u, i, v, t in rows] == list(found.rows)
    expected = {(u, i): v for u, i, v in given_ratings if i == i.strip() != "" and i.isprintable()}
    assert {(u, i): v for u, i, v, _ in found.rows} == expected
