"""Which field of a row is which column: by header names or by position."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

_NEAR = 0.75


@dataclass(frozen=True)
class Column:
    """One of our columns.

    Attributes:
        name: Our name, also the feature's.
        aliases: Header names that mean it, in lower case without punctuation.
        required: Whether a file without it is an error.
        otherwise: What to do when a required column cannot be had; ends with a period.
    """

    name: str
    aliases: frozenset[str] = frozenset()
    required: bool = False
    otherwise: str = ""


@dataclass(frozen=True)
class Table:
    """A kind of file.

    Attributes:
        what: What its rows are, e.g. `ratings`.
        columns: The columns that are read.
        positional: The rows accepted without a header: column names in order, an empty name is skipped.
        header: Whether the first line is a header; None: its fields tell.
        header_if_unsure: Taken when neither a known name nor a number is in the first line.
        flags: Genres that a row's last fields mark with 0 or 1.
    """

    what: str
    columns: tuple[Column, ...]
    positional: tuple[tuple[str, ...], ...] = ()
    header: bool | None = None
    header_if_unsure: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Naming:
    """What the settings say about header names.

    Attributes:
        columns: Our column name -> the file's.
        ignored: Header names that are not read.
        settable: Whether the two above are settings, so that a cure can name them.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    settable: bool = True


@dataclass(frozen=True)
class Plan:
    """Where each column is.

    Attributes:
        positions: Our column name -> index in the row.
        width: Number of fields every row must have.
        header: Whether the first line is a header.
        problems: Problem and cure of everything that is wrong with the first line; when there are any,
            `positions` is incomplete.
    """

    positions: Mapping[str, int]
    width: int
    header: bool
    problems: tuple[tuple[str, str], ...] = ()


def plan(first: Sequence[str], table: Table, naming: Naming) -> Plan:
    """Return where the columns of `table` are in a file whose first row is `first`."""
    if not _has_header(first, table, naming):
        return _by_position(first, table)
    found, extra, problems = _by_name(first, table, naming)
    missing = [column for column in table.columns if column.required and column.name not in found]
    for column in missing:
        renamed = _nearest(column, extra)
        if renamed:
            extra.remove(renamed)
        problems.append(_missing(column, renamed, first, naming))
    for column in table.columns:
        renamed = _nearest(column, extra) if column.name not in found and not column.required else ""
        if renamed:
            extra.remove(renamed)
            problems.append(_renamed(column, renamed, naming))
    problems += [_extra(name, table, naming) for name in extra]
    return Plan(found, len(first), True, tuple(problems))


def _has_header(first: Sequence[str], table: Table, naming: Naming) -> bool:
    if table.header is not None:
        return table.header
    if any(_is_number(cell) for cell in first):
        return False
    given = {*naming.columns.values(), *naming.ignored}
    if any(cell in given or _is_known(cell, table) for cell in first):
        return True
    return table.header_if_unsure or any(_nearest(column, first) for column in table.columns)


def _by_position(first: Sequence[str], table: Table) -> Plan:
    width = len(first)
    for names in table.positional:
        if len(names) + len(table.flags) == width:
            positions = {name: index for index, name in enumerate(names) if name}
            return Plan(positions, width, False)
    accepted = " or ".join(",".join(name or "-" for name in names) for names in table.positional)
    problem = f"The first row has {width} {_fields(width)} and no header names that are known."
    return Plan({}, width, False, ((problem, f"Add a header line, or give the fields {accepted}."),))


def _by_name(
    first: Sequence[str], table: Table, naming: Naming
) -> tuple[dict[str, int], list[str], list[tuple[str, str]]]:
    found: dict[str, int] = {}
    extra: list[str] = []
    problems: list[tuple[str, str]] = []
    chosen = {theirs: ours for ours, theirs in naming.columns.items()}
    for index, cell in enumerate(first):
        if cell in naming.ignored:
            continue
        ours = chosen.get(cell) or _known_name(cell, table, taken=set(naming.columns))
        if not ours:
            extra.append(cell)
        elif ours in found:
            problems.append(_ambiguous(ours, first[found[ours]], cell, naming))
        else:
            found[ours] = index
    for ours, theirs in naming.columns.items():
        if theirs not in first and any(column.name == ours for column in table.columns):
            problems.append(_absent(ours, theirs, first))
    return found, extra, problems


def _known_name(cell: str, table: Table, taken: set[str]) -> str:
    plain = _plain(cell)
    names = (c.name for c in table.columns if c.name not in taken and plain in {*c.aliases, _plain(c.name)})
    return next(names, "")


def _is_known(cell: str, table: Table) -> bool:
    return bool(_known_name(cell, table, taken=set()))


def _nearest(column: Column, cells: Sequence[str]) -> str:
    by_plain = {_plain(cell): cell for cell in cells}
    for alias in (_plain(column.name), *sorted(column.aliases)):
        near = get_close_matches(alias, by_plain, n=1, cutoff=_NEAR)
        if near:
            return by_plain[near[0]]
    return ""


def _missing(column: Column, renamed: str, first: Sequence[str], naming: Naming) -> tuple[str, str]:
    if renamed:
        return _renamed(column, renamed, naming)
    problem = f"There is no column `{column.name}`; the header is `{','.join(first)}`."
    how = f" with `--set data.columns.{column.name}=<name in the file>`" if naming.settable else ""
    return problem, " ".join(filter(None, [f"Add it, or say which column it is{how}.", column.otherwise]))


def _renamed(column: Column, renamed: str, naming: Naming) -> tuple[str, str]:
    problem = f"There is no column `{column.name}`; it has `{renamed}`, did you mean `{column.name}`?"
    how = f", or `--set data.columns.{column.name}={renamed}`" if naming.settable else ""
    return problem, f"Rename it to `{column.name}`{how}."


def _extra(name: str, table: Table, naming: Naming) -> tuple[str, str]:
    known = ", ".join(column.name for column in table.columns)
    cure = f"`--set data.ignore_columns=[{name}]` leaves it out. " if naming.settable else "Remove it. "
    return f"There is an extra column `{name}`.", f"{cure}Columns of {table.what}: {known}."


def _ambiguous(ours: str, one: str, other: str, naming: Naming) -> tuple[str, str]:
    problem = f"Both `{one}` and `{other}` could be the column `{ours}`."
    how = f": `--set data.ignore_columns=[{other}]`" if naming.settable else ""
    return problem, f"Leave one out{how}."


def _absent(ours: str, theirs: str, first: Sequence[str]) -> tuple[str, str]:
    problem = f"`data.columns.{ours}` is `{theirs}`, which the header `{','.join(first)}` does not have."
    return problem, f"Set `data.columns.{ours}` to one of its names."


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _fields(count: int) -> str:
    return "field" if count == 1 else "fields"
