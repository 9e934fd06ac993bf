"""Delimited files inside Beam: what can be read on one side, what is wrong with the rest on the other."""

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
    """Return what `parser(index of the file, file, row)` makes of every row; None is left out.

    A whole file is one element, so that line numbers are exact; several files are read in parallel.
    """
    out = (
        pipeline
        | f"{name}Files" >> beam.Create(list(enumerate(files)), reshuffle=True)
        | f"Read{name}" >> beam.ParDo(_ReadTable(parser)).with_outputs(ERRORS, main="good")
    )
    return Read(out.good, out[ERRORS])


class _ReadTable(beam.DoFn):
    def __init__(self, parser: RowParser) -> None:
        self._parser = parser

    def process(self, element: tuple[int, TableFile]) -> Iterator[Any]:
        index, file = element
        for row in read_rows(file):
            value = row if isinstance(row, RowError) else self._parsed(index, file, row)
            if isinstance(value, RowError):
                yield beam.pvalue.TaggedOutput(ERRORS, value)
            elif value is not None:
                yield value

    def _parsed(self, index: int, file: TableFile, row: Row) -> Any:
        try:
            return self._parser(index, file, row)
        except BadValue as bad:
            return RowError(file.path, row.line, bad.problem, bad.cure)
