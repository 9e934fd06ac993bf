"""What a family's `ingest.py` gives back: records by split, and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from components.errors import InputError

if TYPE_CHECKING:
    import apache_beam as beam

Value = str | int | float | list[str] | list[int]
Record = dict[str, Value]

_LISTED = 5


class RowError(NamedTuple):
    """One thing that is wrong with one line.

    Attributes:
        file: The file as it was named to the reader.
        line: 1-based; 0 when the error is about the whole file.
        problem: With the offending value; ends with a period.
        cure: What to do; ends with a period.
        may_follow: Whether it may only follow from another error, and so is reported after all others.
    """

    file: str
    line: int
    problem: str
    cure: str
    may_follow: bool = False


def by_place(error: RowError) -> tuple[bool, str, int]:
    """Return what errors are reported in the order of."""
    return error.may_follow, error.file, error.line


@dataclass(frozen=True)
class Ingested:
    """What `read(pipeline, data)` of a family returns; nothing has run yet.

    Readers never raise inside Beam, which would wrap and mangle the message: what is wrong goes to `errors`,
    and after the run the first of them becomes one `InputError`. One error means that nothing is published.

    Attributes:
        splits: Split name -> records, dictionaries of str, int, float or lists of them; a missing optional
            value is an absent key.
        errors: `RowError`s.
        counts: What the summary line counts, in order: label -> the things counted.
        notes: The same for what was dropped or repaired; a count of zero goes unsaid.
        required: Split name -> what to do when it has no record; other splits may be empty.
    """

    splits: Mapping[str, beam.PCollection]
    errors: beam.PCollection
    counts: Mapping[str, beam.PCollection] = field(default_factory=dict)
    notes: Mapping[str, beam.PCollection] = field(default_factory=dict)
    required: Mapping[str, str] = field(default_factory=dict)


def input_error(first: Sequence[RowError], total: int) -> InputError:
    """Return one error for `total` wrong rows, of which `first` come first."""
    head, *rest = first
    cure = head.cure
    if rest:
        listed = "".join(f"\n    {e.file}:{e.line}: {e.problem}" for e in rest[: _LISTED - 1])
        cure += f"\n  And {total - 1:,} more:{listed}"
    return InputError(head.problem, cure=cure, source=head.file, line=head.line or None)
