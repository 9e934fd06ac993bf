"""Delimited files inside Beam: rows on one side, errors on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from components.ingest.contract import RowError
from components.ingest.delimited import Row, TableFile, read_rows
from components.ingest.values import BadValue

ERRORS = "errors"

RowParser = Callable[[int, TableFile, Row], Any]


@dataclass(frozen=True)
class Read:
    """What reading gave.

    Attributes:
        good: What the parser made of the rows.
        errors: `RowError`s.
    """

    good: beam.PCollection
    errors: beam.PCollection


def read_table(pipeline: beam.Pipeline, name: str, files: Sequence[TableFile], parser: RowParser) -> Read:
    """Return what `parser(index of the file, file, row)` makes of every row.

    None is left out. A whole file is one element, so that line numbers are exact; several files are read
    in parallel.
    """
    out = (
        pipeline
        | f"{name}Files" >> beam.Create(list(enumerate(files)), reshuffle=True)
        | f"Read{name}" >> beam.FlatMap(_tagged, parser).with_outputs(ERRORS, main="good")
    )
    return Read(out.good, out[ERRORS])


def parse_rows(index: int, file: TableFile, parser: RowParser) -> Iterator[Any]:
    """Yield what `parser` makes of each row, or a `RowError` in its place."""
    for row in read_rows(file):
        if isinstance(row, RowError):
            yield row
            continue
        try:
            value = parser(index, file, row)
        except BadValue as bad:
            value = RowError(file.path, row.line, bad.problem, bad.cure)
        if value is not None:
            yield value


def _tagged(element: tuple[int, TableFile], parser: RowParser) -> Iterator[Any]:
    for value in parse_rows(*element, parser):
        yield beam.pvalue.TaggedOutput(ERRORS, value) if isinstance(value, RowError) else value
