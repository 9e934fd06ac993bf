"""Files with one JSON object a line, `_id`, `title` and `text` in each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from components.ingest.contract import RowError
from components.ingest.lines import Lines
from components.ingest.table_reader import ERRORS, Read
from components.ingest.values import BadValue

Entry = tuple[int, str, str]
_SHOWN = 60


def read_json_lines(
    pipeline: beam.Pipeline, name: str, path: str, encoding: str, text_required: bool
) -> Read:
    """Return (`_id`, (line, title, text)) of every object in `path`."""
    out = (
        pipeline
        | f"{name}File" >> beam.Create([path])
        | f"Read{name}" >> beam.FlatMap(_read, encoding, text_required).with_outputs(ERRORS, main="good")
    )
    return Read(out.good, out[ERRORS])


def _read(path: str, encoding: str, text_required: bool) -> Iterator[Any]:
    for entry in parse_json_lines(path, encoding, text_required):
        yield beam.pvalue.TaggedOutput(ERRORS, entry) if isinstance(entry, RowError) else entry


def parse_json_lines(path: str, encoding: str, text_required: bool) -> Iterator[tuple[str, Entry] | RowError]:
    """Yield the objects of `path` and whatever is wrong with it, in order.

    Blank lines are skipped.

    Args:
        path: `.gz` is decompressed.
        encoding: Of the text.
        text_required: Whether an empty `text` is an error; an absent one always is.
    """
    lines = Lines(path, encoding)
    objects = reported = 0
    for line in lines:
        if reported == len(lines.errors) and line.strip():
            objects += 1
            yield _entry(path, lines.number, line, text_required)
        yield from lines.errors[reported:]
        reported = len(lines.errors)
    yield from lines.errors[reported:]
    if not objects and not lines.errors:
        yield RowError(path, 0, "The file is empty.", "Give a file with at least one JSON object a line.")


def _entry(path: str, number: int, line: str, text_required: bool) -> tuple[str, Entry] | RowError:
    try:
        record = _object(line)
        key, text = _id(record), _text(record, "text")
        if text_required and not text:
            raise BadValue(f"`text` of `{key}` is empty.", "Give it a text, or remove the line.")
        title = _text(record, "title") if "title" in record else ""
        return _encodable(key), (number, _encodable(title), _encodable(text))
    except BadValue as bad:
        return RowError(path, number, bad.problem, bad.cure)


def _object(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line.rstrip("\r\n"))
    except json.JSONDecodeError as error:
        raise BadValue(
            f"Not JSON at column {error.colno}: {error.msg}.", "Write one object a line."
        ) from None
    if not isinstance(record, dict):
        raise BadValue(f"`{line.strip()[:_SHOWN]}` is not a JSON object.", "Write one object a line.")
    return record


def _id(record: dict[str, Any]) -> str:
    value = record.get("_id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.strip():
        return value.strip()
    if "_id" not in record:
        raise BadValue(
            f"There is no `_id`; the keys are {_keys(record)}.", "Add it, or rename the key that holds it."
        )
    raise BadValue(f"`_id` is {value!r}.", "Give every object an id that is not empty.")


def _text(record: dict[str, Any], key: str) -> str:
    if key not in record:
        raise BadValue(
            f"There is no `{key}`; the keys are {_keys(record)}.", "Add it, or rename the key that holds it."
        )
    value = record[key]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadValue(f"`{key}` is {value!r}, which is not a string.", "Write it in quotes.")
    return value.strip()


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        problem = f"`{error.object[error.start]!a}` is half of a character."
        raise BadValue(problem, "Mend the escape: a surrogate needs its other half.") from None
    return text


def _keys(record: dict[str, Any]) -> str:
    return ", ".join(f"`{key}`" for key in record) or "none"
