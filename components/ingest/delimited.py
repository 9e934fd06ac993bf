"""CSV, TSV, `::` and `|` files as rows of named fields, each with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field

from components.ingest.columns import Naming, Plan, Table, plan
from components.ingest.contract import RowError
from components.ingest.lines import Lines

_UNQUOTED = ("|", "::", " ")


@dataclass(frozen=True)
class TableFile:
    """A delimited file and how to read it.

    Attributes:
        path: Path or URL; `.gz` is decompressed.
        table: What its columns are.
        naming: What the settings say about its header.
        encoding: Of its text.
        delimiter: One character, `::`, or a space for any run of blanks; empty: the first line tells.
        quoting: `csv`, `none`, or `auto` by the delimiter.
        split: The split its rows belong to; empty: the split settings decide.
    """

    path: str
    table: Table
    naming: Naming = field(default_factory=Naming)
    encoding: str = "utf-8"
    delimiter: str = ""
    quoting: str = "auto"
    split: str = ""


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        line: 1-based line that it starts on.
        fields: Column name -> text, stripped of blanks around it.
        flags: The genres marked in its last fields.
    """

    line: int
    fields: dict[str, str]
    flags: list[str]


def read_rows(file: TableFile) -> Iterator[Row | RowError]:
    """Yield the rows of `file` and whatever is wrong with it, in order.

    Blank lines are skipped. A first line that cannot be understood ends the file: no row after it could be.
    """
    lines = Lines(file.path, file.encoding)
    layout: Plan | None = None
    rows = 0
    for line, cells in _records(lines, file):
        if isinstance(cells, RowError):
            yield cells
            continue
        if layout is None:
            layout = plan([cell.strip() for cell in cells], file.table, file.naming)
            yield from (RowError(file.path, line, *problem) for problem in layout.problems)
            if layout.problems:
                return
            if layout.header:
                continue
        rows += 1
        yield _row(line, cells, layout, file)
    if not rows and not lines.errors:
        yield _nothing(file, layout)


def _row(line: int, cells: list[str], layout: Plan, file: TableFile) -> Row | RowError:
    if len(cells) != layout.width:
        what = "header" if layout.header else "first row"
        problem = f"The row has {len(cells)} fields where the {what} has {layout.width}."
        return RowError(
            file.path, line, problem, "Mend the row; a field that holds the delimiter needs quotes."
        )
    fields = {name: cells[index].strip() for name, index in layout.positions.items()}
    flags = file.table.flags
    marks = cells[len(cells) - len(flags) :] if flags else []
    return Row(line, fields, [name for name, mark in zip(flags, marks, strict=True) if mark.strip() == "1"])


def _nothing(file: TableFile, layout: Plan | None) -> RowError:
    problem = "The file has a header and no rows." if layout else "The file is empty."
    return RowError(
        file.path, 1 if layout else 0, problem, f"Give a file with at least one row of {file.table.what}."
    )


def _records(lines: Lines, file: TableFile) -> Iterator[tuple[int, list[str] | RowError]]:
    """Yield (first line, cells or the error in their place) of each record."""
    reader = _reader(lines, file)
    reported = 0
    while True:
        start = lines.number + 1
        cells: list[str] | RowError | None
        try:
            cells = next(reader, None)
        except csv.Error as error:
            cells = RowError(file.path, start, f"The row's quotes are wrong: {error}.", _QUOTES)
        yield from ((error.line, error) for error in lines.errors[reported:])
        clean = reported == len(lines.errors)
        reported = len(lines.errors)
        if cells is None:
            return
        # A record with a damaged line is not shown: what is in its fields would only be reported twice.
        if clean and (isinstance(cells, RowError) or "".join(cells).strip()):
            yield start, cells


_QUOTES = "Mend them, or `--set data.quoting=none` when quotes are ordinary characters."


def _reader(lines: Lines, file: TableFile) -> Iterator[list[str]]:
    delimiter = file.delimiter or _delimiter_of(lines.peek())
    if len(delimiter) != 1 or delimiter == " ":
        return (_split(line, delimiter) for line in lines)
    quoted = file.quoting == "csv" or (file.quoting == "auto" and delimiter not in _UNQUOTED)
    if quoted:
        # Without `strict`, a quote that is never closed would silently swallow the rest of the file.
        return csv.reader(lines, delimiter=delimiter, strict=True)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)


def _delimiter_of(line: str) -> str:
    # Titles have commas and bars, hardly ever tabs or double colons: those decide even when they are fewer.
    for certain in ("::", "\t"):
        if certain in line:
            return certain
    best = max(",;|", key=line.count)
    if best in line:
        return best
    return " " if " " in line.strip() else ","


def _split(line: str, delimiter: str) -> list[str]:
    line = line.rstrip("\r\n")
    return line.split() if delimiter == " " else line.split(delimiter)
