"""What is written as CSV, TSV, `::` or `|` is read back, with the line each row starts on."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.ingest.columns import Column, Table
from components.ingest.delimited import Row, TableFile, read_rows

TABLE = Table(
    "notes",
    (Column("key", required=True), Column("note")),
    positional=(("key", "note"),),
    header=True,
)
# Leading and trailing blanks are not part of a field, a NUL byte is an error of its own, and TensorFlow's
# file reader drops carriage returns.
texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=12).map(
    str.strip
)
keys = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)
tmp_path_is_shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def rows(path: Path, **options: str) -> list[Row]:
    found = list(read_rows(TableFile(str(path), TABLE, **options)))
    assert all(isinstance(row, Row) for row in found), found
    return [row for row in found if isinstance(row, Row)]


@tmp_path_is_shared
@given(
    st.lists(st.tuples(keys, texts), min_size=1, max_size=8), st.sampled_from([",", ";", "\t"]), st.booleans()
)
def test_quoted_files_round_trip(
    tmp_path: Path, records: list[tuple[str, str]], delimiter: str, bom: bool
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("key", "note"), *records])
    path = tmp_path / "notes.csv"
    path.write_bytes(text.getvalue().encode("utf-8-sig" if bom else "utf-8"))

    found = rows(path)

    assert [(row.fields["key"], row.fields["note"]) for row in found] == records
    starts = [2 + sum(note.count("\n") + 1 for _, note in records[:index]) for index in range(len(records))]
    assert [row.line for row in found] == starts


@tmp_path_is_shared
@given(
    st.lists(
        st.tuples(
            keys, st.text(st.characters(categories=["L", "N", "Zs"]) | st.sampled_from("\"'"), max_size=12)
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(["::", "|"]),
    st.sampled_from(["utf-8", "cp1252"]),
)
def test_unquoted_files_round_trip(
    tmp_path: Path, records: list[tuple[str, str]], delimiter: str, encoding: str
) -> None:
    def in_encoding(text: str) -> str:
        return text.encode(encoding, errors="replace").decode(encoding).strip()

    expected = [(in_encoding(key), in_encoding(note)) for key, note in records]
    path = tmp_path / "notes.dat"
    path.write_bytes("\n".join(delimiter.join(row) for row in [("key", "note"), *expected]).encode(encoding))

    found = rows(path, encoding=encoding)

    assert [(row.fields["key"], row.fields["note"]) for row in found] == expected
    assert [row.line for row in found] == list(range(2, 2 + len(records)))


def test_quotes_are_ordinary_characters_when_settings_say_so(write: Callable[..., str]) -> None:
    path = Path(write("notes.tsv", 'key\tnote\na\t"open\n'))

    assert [row.fields["note"] for row in rows(path, quoting="none")] == ['"open']


def test_a_fixed_delimiter_is_not_guessed(write: Callable[..., str]) -> None:
    path = Path(write("notes.txt", "key;note\n1,5;2,5\n"))

    assert [row.fields for row in rows(path, delimiter=";")] == [{"key": "1,5", "note": "2,5"}]


def test_flags_at_the_end_of_a_row_become_names(write: Callable[..., str]) -> None:
    table = Table(
        "items", (Column("key"),), positional=(("key", ""),), header=False, flags=("War", "Drama", "Noir")
    )

    (row,) = read_rows(TableFile(write("items.dat", "a|x|1|0|1\n"), table))

    assert isinstance(row, Row)
    assert (row.fields, row.flags) == ({"key": "a"}, ["War", "Noir"])


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_an_encoding_other_than_utf8_is_decoded(write: Callable[..., str], encoding: str) -> None:
    path = Path(write("notes.csv", "key,note\na,Amélie\n".encode(encoding)))

    assert [row.fields["note"] for row in rows(path, encoding=encoding)] == ["Amélie"]


def test_blank_rows_are_skipped_and_counted_as_lines(write: Callable[..., str]) -> None:
    path = Path(write("notes.csv", "key,note\n\na,1\n  \n,\nb,2\n\n"))

    assert [(row.line, row.fields["key"]) for row in rows(path)] == [(3, "a"), (6, "b")]
