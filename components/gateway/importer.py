"""Fill the catalogue from the data that the version that is served was trained on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from components.family import CatalogueColumns

from .database import EVENTS, IMPORTS, ITEMS, USERS, Database
from .examples_rows import Row, rows

# So long a process that has died keeps others from importing.
_CLAIM_SECONDS = 600.0
_DELETED_AT_A_TIME = 20_000


@dataclass(frozen=True)
class Imported:
    """What an import brought.

    Attributes:
        items: Rows of items.
        events: Rows of events.
    """

    items: int
    events: int


class Importer:
    """Replaces a model's items and events as a whole: readers see the old ones until the new are complete.

    Args:
        database: Where to.
        now: Seconds since 1970.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    def source(self, model: str) -> str:
        """Return where the model's catalogue came from; empty when it was never imported."""
        query = sa.select(IMPORTS.c.source).where(IMPORTS.c.model == model)
        with self._database.begin() as connection:
            return connection.execute(query).scalar() or ""

    def run(self, model: str, columns: CatalogueColumns, uri: str) -> Imported | None:
        """Import an Examples artifact; None when another process is at it.

        Called again after a failure it begins afresh.

        Args:
            model: Whose catalogue.
            columns: What means what.
            uri: The artifact.
        """
        current = self._claim(model)
        if current is None:
            return None
        try:
            self._delete_all_but(model, current)
            generation = current + 1
            items = self._copy(ITEMS, _items(model, generation, columns, uri), model)
            events = self._copy(EVENTS, _events(model, generation, columns, uri), model)
            self._count_users(model, generation)
            self._show(model, generation, uri)
            self._delete_all_but(model, generation)
            return Imported(items, events)
        finally:
            self._extend(model, 0.0)

    def _claim(self, model: str) -> int | None:
        """Return the generation that is shown, when nobody else imports now."""
        now = self._now()
        first = {"model": model, "generation": 0, "source": "", "claimed_until": 0.0}
        with self._database.begin() as connection:
            connection.execute(self._database.insert(IMPORTS).values(first).on_conflict_do_nothing())
            mine = (
                sa.update(IMPORTS)
                .where(IMPORTS.c.model == model, IMPORTS.c.claimed_until < now)
                .values(claimed_until=now + _CLAIM_SECONDS)
            )
            if connection.execute(mine).rowcount != 1:
                return None
            shown = sa.select(IMPORTS.c.generation).where(IMPORTS.c.model == model)
            return int(connection.execute(shown).scalar_one())

    def _extend(self, model: str, seconds: float) -> None:
        until = self._now() + seconds if seconds else 0.0
        with self._database.begin() as connection:
            connection.execute(sa.update(IMPORTS).where(IMPORTS.c.model == model).values(claimed_until=until))

    def _copy(self, table: sa.Table, batches: Iterable[list[dict[str, Any]]], model: str) -> int:
        count = 0
        for batch in batches:
            if not batch:
                continue
            insert = self._database.insert(table)
            # Of two records of one item the first is kept; ingest leaves only one.
            statement = insert.on_conflict_do_nothing() if table is ITEMS else insert
            with self._database.begin() as connection:
                connection.execute(statement, batch)
            self._extend(model, _CLAIM_SECONDS)
            count += len(batch)
        return count

    def _count_users(self, model: str, generation: int) -> None:
        counted = (
            sa.select(EVENTS.c.model, EVENTS.c.generation, EVENTS.c.user, sa.func.count())
            .where(EVENTS.c.model == model, EVENTS.c.generation == generation)
            .group_by(EVENTS.c.model, EVENTS.c.generation, EVENTS.c.user)
        )
        with self._database.begin() as connection:
            connection.execute(sa.insert(USERS).from_select(["model", "generation", "id", "events"], counted))

    def _show(self, model: str, generation: int, uri: str) -> None:
        with self._database.begin() as connection:
            connection.execute(
                sa.update(IMPORTS).where(IMPORTS.c.model == model).values(generation=generation, source=uri)
            )
            connection.execute(_trained_on(model, generation))

    def _delete_all_but(self, model: str, generation: int) -> None:
        for table in (ITEMS, EVENTS, USERS):
            old = sa.and_(table.c.model == model, table.c.generation.not_in((0, generation)))
            keys = list(table.primary_key)
            while True:
                some = sa.select(*keys).where(old).limit(_DELETED_AT_A_TIME)
                with self._database.begin() as connection:
                    deleted = connection.execute(sa.delete(table).where(sa.tuple_(*keys).in_(some))).rowcount
                if deleted < _DELETED_AT_A_TIME:
                    break


def _trained_on(model: str, generation: int) -> Any:
    """Return what drops the feedback that the import holds, so that a history has it once."""
    trained = EVENTS.alias("trained")
    same = sa.exists().where(
        trained.c.model == model,
        trained.c.generation == generation,
        trained.c.user == EVENTS.c.user,
        trained.c.item == EVENTS.c.item,
        trained.c.time >= EVENTS.c.time,
    )
    mine = (EVENTS.c.model == model, EVENTS.c.generation == 0, EVENTS.c.type == "rating")
    return sa.delete(EVENTS).where(*mine, same)


def _items(
    model: str, generation: int, columns: CatalogueColumns, uri: str
) -> Iterator[list[dict[str, Any]]]:
    named = (columns.item_id, columns.title, *columns.metadata, columns.categories or "")
    for batch in rows(uri, columns.items, [name for name in dict.fromkeys(named) if name]):
        yield [
            {
                "model": model,
                "generation": generation,
                "id": row[columns.item_id][0],
                "title": _first(row, columns.title, ""),
                "metadata": _metadata(row, columns),
                "categories": row[columns.categories] if columns.categories else [],
            }
            for row in batch
            if row[columns.item_id]
        ]


def _events(
    model: str, generation: int, columns: CatalogueColumns, uri: str
) -> Iterator[list[dict[str, Any]]]:
    for split in columns.events:
        for batch in rows(uri, split, (columns.user_id, columns.event_item, columns.value, columns.time)):
            yield [
                {
                    "model": model,
                    "generation": generation,
                    "user": row[columns.user_id][0],
                    "item": row[columns.event_item][0],
                    "type": "rating" if row[columns.value] else "view",
                    # What was 32 bits wide when it was stored is not more exact than that.
                    "value": round(row[columns.value][0], 6) if row[columns.value] else None,
                    "time": max(0, int(_first(row, columns.time, 0))),
                }
                for row in batch
                if row[columns.user_id] and row[columns.event_item]
            ]


def _first(row: Row, name: str, otherwise: Any) -> Any:
    values = row.get(name)
    return values[0] if values else otherwise


def _metadata(row: Row, columns: CatalogueColumns) -> dict[str, Any]:
    shown = {name: row[name] for name in columns.metadata if row[name]}
    several = {name for name, values in shown.items() if len(values) > 1 or name == columns.categories}
    return {name: values if name in several else values[0] for name, values in shown.items()}
