"""Read users, items and their interactions: explicit ratings or implicit feedback.

A family's `ingest.py` is `from components.ingest.ratings import files, read`. Splits and features:

    train, eval   user_id, item_id; rating (RatingsData only); timestamp (when the file has one)
    items         item_id; title, genres (a list), each when the item table has it
    users         user_id; age, gender, occupation, each when the user table has it

`items` and `users` have a record for every id that occurs anywhere, in a table or in an interaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from components.ingest import values
from components.ingest.contract import Ingested, Record
from components.ingest.delimited import Row, TableFile
from components.ingest.layouts import find_layout
from components.ingest.settings import InteractionsData, RatingsData, TableData
from components.ingest.splits import Interaction, assign, keep_last
from components.ingest.table_reader import read_table

_SPLIT_CURE = "Give more data, or change `data.split`."


def files(data: TableData) -> list[str]:
    """Return the path of every file that `read` reads.

    Raises:
        InputError: One of them is not there.
    """
    return find_layout(data).files()


def read(pipeline: beam.Pipeline, data: TableData) -> Ingested:
    """Return the records of `data`, divided into train and eval, with item and user tables.

    Of several rows with the same user and item the last is kept.
    """
    layout = find_layout(data)
    rows = read_table(pipeline, "Interactions", layout.interactions, InteractionOf(data))
    users = rows.good | "GroupUsers" >> beam.GroupByKey()
    settled = users | "Split" >> beam.ParDo(SettleUser(data)).with_outputs("train", "eval", "duplicate")
    rated = rows.good | "RatedItem" >> beam.MapTuple(lambda user, row: row[2])
    items = _entities(pipeline, "Items", layout.items, EntityOf("item_id"), rated)
    who = _entities(pipeline, "Users", layout.users, EntityOf("user_id"), users | "UserId" >> beam.Keys())
    what = "ratings" if isinstance(data, RatingsData) else "interactions"
    return Ingested(
        splits={"train": settled.train, "eval": settled.eval, "items": items.record, "users": who.record},
        errors=(rows.errors, items.errors, who.errors) | "TableErrors" >> beam.Flatten(),
        counts={
            what: (settled.train, settled.eval) | "Both" >> beam.Flatten(),
            "users": users,
            "items": items.record,
        },
        notes={
            **_feedback(rows.good, data, len(layout.interactions) - 1),
            "duplicate rows dropped (last kept)": settled.duplicate,
            "duplicate items dropped (last kept)": items.duplicate,
            "duplicate users dropped (last kept)": who.duplicate,
            "items not in the item table": items.unlisted,
            "users not in the user table": who.unlisted,
        },
        required={"train": _SPLIT_CURE, "eval": _SPLIT_CURE},
    )


def _feedback(rows: beam.PCollection, data: TableData, last: int) -> dict[str, beam.PCollection]:
    # The file of feedback is the last: its rows win over the others.
    if not isinstance(data, RatingsData) or not data.feedback_file:
        return {}
    return {"ratings from feedback": rows | "OfFeedback" >> beam.Filter(lambda kv: kv[1][0] == last)}


class InteractionOf:
    """Row of a file of interactions -> (user id, Interaction as a plain tuple)."""

    def __init__(self, data: TableData) -> None:
        self._range = data.rating_range if isinstance(data, RatingsData) else None
        self._lowest = data.min_rating if isinstance(data, InteractionsData) else None
        self._timed = data.split.method == "leave_last"

    def __call__(self, index: int, file: TableFile, row: Row) -> tuple[str, tuple[object, ...]] | None:
        """Return what `row` of the file numbered `index` says; None leaves it out.

        Raises:
            BadValue: A field is not what its column needs.
        """
        fields = row.fields
        user = values.identifier(fields["user_id"], "user_id")
        item = values.identifier(fields["item_id"], "item_id")
        rating = self._rating(fields.get("rating", ""))
        when = fields.get("timestamp", "")
        time = values.timestamp(when) if when or self._timed else None
        if rating is not None and self._lowest is not None and rating < self._lowest:
            return None
        # Beam's coder for a plain tuple is several times faster than pickling a class.
        kept = rating if self._range else None
        return user, tuple(Interaction(index, row.line, item, kept, time, file.split))

    def _rating(self, text: str) -> float | None:
        if self._range:
            return values.rating(text, *self._range)
        return values.number(text, "rating") if text and self._lowest is not None else None


class SettleUser(beam.DoFn):
    """(user id, interactions) -> records tagged `train`, `eval`, `duplicate`."""

    def __init__(self, data: TableData) -> None:
        self._split = data.split

    def process(self, element: tuple[str, Iterable[tuple[Any, ...]]]) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yield one user's records."""
        user, rows = element
        all_rows = [Interaction(*row) for row in rows]
        kept = keep_last(all_rows)
        yield from (beam.pvalue.TaggedOutput("duplicate", user) for _ in range(len(all_rows) - len(kept)))
        for split, row in assign(user, kept, self._split):
            yield beam.pvalue.TaggedOutput(split, _record(user, row))


def _record(user: str, row: Interaction) -> Record:
    optional = {"rating": row.rating, "timestamp": row.timestamp}
    return {
        "user_id": user,
        "item_id": row.item_id,
        **{name: value for name, value in optional.items() if value is not None},
    }


class EntityOf:
    """Row of an item or user table -> (id, (line, record))."""

    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, index: int, file: TableFile, row: Row) -> tuple[str, tuple[int, Record]]:
        """Return what `row` says.

        Raises:
            BadValue: The id is empty.
        """
        name = values.identifier(row.fields[self.key], self.key)
        record: Record = {column: text for column, text in row.fields.items() if text}
        genres = row.flags or values.genres(row.fields.get("genres", ""))
        record.pop("genres", None)
        return name, (row.line, {**record, "genres": genres} if genres else record)


@dataclass(frozen=True)
class _Entities:
    record: beam.PCollection
    duplicate: beam.PCollection
    unlisted: beam.PCollection
    errors: beam.PCollection


def _entities(
    pipeline: beam.Pipeline, name: str, file: TableFile | None, entity: EntityOf, seen: beam.PCollection
) -> _Entities:
    table = read_table(pipeline, name, (file,) if file else (), entity)
    ids = seen | f"Distinct{name}" >> beam.Distinct() | f"Key{name}" >> beam.Map(lambda key: (key, True))
    joined = {"seen": ids, "rows": table.good} | f"Join{name}" >> beam.CoGroupByKey()
    out = joined | f"Settle{name}" >> beam.ParDo(_settle_entity, entity.key, file is not None).with_outputs(
        "record", "duplicate", "unlisted"
    )
    return _Entities(out.record, out.duplicate, out.unlisted, table.errors)


def _settle_entity(
    element: tuple[str, dict[str, Iterable[Any]]], key: str, listed: bool
) -> Iterator[beam.pvalue.TaggedOutput]:
    name, joined = element
    rows = sorted(joined["rows"], key=lambda row: row[0])
    yield beam.pvalue.TaggedOutput("record", rows[-1][1] if rows else {key: name})
    yield from (beam.pvalue.TaggedOutput("duplicate", name) for _ in rows[1:])
    if listed and not rows:
        yield beam.pvalue.TaggedOutput("unlisted", name)
