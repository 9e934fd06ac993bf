"""Bring counts and errors out of a Beam run, whichever runner it was on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import tensorflow as tf

from components.errors import InputError
from components.ingest.contract import Ingested, RowError, by_place, input_error

_FIRST = 5


@dataclass(frozen=True)
class Report:
    """What a run of readers found.

    Attributes:
        splits: Split name -> number of records.
        counts: Label -> count, for the summary.
        notes: Label -> count of what was dropped or repaired.
        errors: The first errors by file and line.
        error_count: How many there were.
    """

    splits: dict[str, int]
    counts: dict[str, int]
    notes: dict[str, int]
    errors: list[RowError]
    error_count: int

    def summary(self) -> str:
        """Return one line: `100,004 ratings, 671 users; 3 duplicate rows dropped`."""
        parts = [_counted(self.counts), _counted({label: n for label, n in self.notes.items() if n})]
        return "; ".join(part for part in parts if part)

    def check(self, ingested: Ingested) -> None:
        """Return when the data can be used.

        Raises:
            InputError: There was an error, or a required split is empty.
        """
        if self.errors:
            raise input_error(self.errors, self.error_count)
        for split, cure in ingested.required.items():
            if not self.splits[split]:
                raise InputError(f"The `{split}` split is empty.", cure=cure, source="data")


class WriteReport(beam.PTransform):
    """Write the counts and errors of an `Ingested` to one JSON file.

    Aggregated in the pipeline and not with Beam's counters, which a runner may count twice on a retry.
    """

    def __init__(self, ingested: Ingested, path: str) -> None:
        super().__init__()
        self._ingested = ingested
        self._path = path

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Return nothing of interest."""
        kinds = {
            "splits": self._ingested.splits,
            "counts": self._ingested.counts,
            "notes": self._ingested.notes,
        }
        tags = {(kind, label): rows for kind, labelled in kinds.items() for label, rows in labelled.items()}
        # One count of tagged elements: a count per collection would give Beam ten times the stages to plan.
        tagged = [
            _tag(rows, tag) for tag, rows in {**tags, ("error_count", ""): self._ingested.errors}.items()
        ]
        counts = tagged | "AllTags" >> beam.Flatten() | beam.combiners.Count.PerElement()
        first = (
            self._ingested.errors
            | "FirstErrors" >> beam.combiners.Top.Smallest(_FIRST, key=by_place)
            | "KeyErrors" >> beam.Map(lambda errors: (("errors", ""), [tuple(error) for error in errors]))
        )
        return (
            (counts, first)
            | "CountsAndErrors" >> beam.Flatten()
            | beam.combiners.ToList()
            | "WriteReport" >> beam.Map(_write, self._path)
        )


def read_report(ingested: Ingested, path: str) -> Report:
    """Return what `WriteReport` wrote about `ingested`, labels in its order."""
    with tf.io.gfile.GFile(path) as file:
        found = {(kind, label): value for (kind, label), value in json.load(file)}
    return Report(
        splits={label: found.get(("splits", label), 0) for label in ingested.splits},
        counts={label: found.get(("counts", label), 0) for label in ingested.counts},
        notes={label: found.get(("notes", label), 0) for label in ingested.notes},
        errors=[RowError(*error) for error in found["errors", ""]],
        error_count=found.get(("error_count", ""), 0),
    )


def _tag(rows: beam.PCollection, tag: tuple[str, str]) -> beam.PCollection:
    return rows | f"Tag[{' '.join(tag)}]" >> beam.Map(lambda _: tag)


def _write(entries: Iterable[tuple[tuple[str, str], object]], path: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        json.dump(list(entries), file)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {label}" for label, count in counts.items())
