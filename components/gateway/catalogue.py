"""What items are and what users did, from the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from .database import EVENTS, IMPORTS, ITEMS, USERS, Database

# Databases bound the number of parameters of one statement.
_AT_A_TIME = 500
_FEEDBACK = 0


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        id: Its id.
        title: Empty when it has none.
        metadata: What else is known of it.
        categories: What an answer can be restricted to.
    """

    id: str
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    categories: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Event:
    """What a user did.

    Attributes:
        number: The row's.
        item: The item's id.
        type: `rating`, `click`, ...
        value: E.g. the rating.
        time: Seconds since 1970; 0 when nobody knows.
    """

    number: int
    item: str
    type: str
    value: float | None
    time: int


class Catalogue:
    """Reads; what was never imported is empty. Writing is the importer's."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._scales: dict[tuple[str, int], tuple[float, float] | None] = {}

    def items(self, model: str, ids: Sequence[str]) -> dict[str, Item]:
        """Return the items that are known, by id."""
        found: dict[str, Item] = {}
        with self.database.begin() as connection:
            for start in range(0, len(ids), _AT_A_TIME):
                part = [name for name in ids[start : start + _AT_A_TIME] if storable(name)]
                rows = connection.execute(
                    sa.select(ITEMS).where(_current(ITEMS, model), ITEMS.c.id.in_(part))
                ).mappings()
                for row in rows:
                    categories = frozenset(row["categories"])
                    found[row["id"]] = Item(row["id"], row["title"], row["metadata"], categories)
        return found

    def users(self, model: str, prefix: str, limit: int) -> list[tuple[str, int]]:
        """Return users whose id begins with `prefix`, shortest id first, and their numbers of events."""
        if not storable(prefix):
            return []
        starts = USERS.c.id.startswith(prefix, autoescape=True)
        query = (
            sa.select(USERS.c.id, USERS.c.events)
            .where(_current(USERS, model), starts)
            .order_by(sa.func.length(USERS.c.id), USERS.c.id)
            .limit(limit)
        )
        with self.database.begin() as connection:
            return [(row.id, row.events) for row in connection.execute(query)]

    def history(self, model: str, user: str, limit: int, after: tuple[int, int] | None = None) -> list[Event]:
        """Return a user's events, newest first.

        Args:
            model: The model.
            user: The user's id.
            limit: How many.
            after: Time and number of the event before the first.
        """
        if not storable(user):
            return []
        where = [_visible(model), EVENTS.c.user == user]
        if after is not None:
            where.append(sa.tuple_(EVENTS.c.time, EVENTS.c.id) < sa.tuple_(*map(sa.literal, after)))
        columns = (EVENTS.c.id, EVENTS.c.item, EVENTS.c.type, EVENTS.c.value, EVENTS.c.time)
        query = (
            sa.select(*columns).where(*where).order_by(EVENTS.c.time.desc(), EVENTS.c.id.desc()).limit(limit)
        )
        with self.database.begin() as connection:
            return [Event(*row) for row in connection.execute(query)]

    def had(self, model: str, user: str, limit: int = 1000) -> list[str]:
        """Return items that a user has rated or bought, latest first, feedback included."""
        if not storable(user):
            return []
        query = (
            sa.select(EVENTS.c.item)
            .where(
                _visible(model),
                EVENTS.c.user == user,
                EVENTS.c.type.in_(("rating", "purchase")),
            )
            .order_by(EVENTS.c.time.desc())
            .limit(limit)
        )
        with self.database.begin() as connection:
            return [*dict.fromkeys(connection.execute(query).scalars())]

    def scale(self, model: str) -> tuple[float, float] | None:
        """Return the lowest and highest rating that the model's data has; None when there are no ratings."""
        query = sa.select(sa.func.min(EVENTS.c.value), sa.func.max(EVENTS.c.value)).where(
            _current(EVENTS, model), EVENTS.c.type == "rating"
        )
        with self.database.begin() as connection:
            key = (model, connection.execute(sa.select(_generation(model))).scalar_one())
            # It takes a look at every event, and an import does not change.
            if key not in self._scales:
                low, high = connection.execute(query).one()
                self._scales[key] = None if low is None else (low, high)
        return self._scales[key]


def storable(text: str) -> bool:
    """Return whether a database can hold `text`; no id that cannot be held is known."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _generation(model: str) -> Any:
    query = sa.select(IMPORTS.c.generation).where(IMPORTS.c.model == model)
    return sa.func.coalesce(query.scalar_subquery(), -1)


def _current(table: sa.Table, model: str) -> Any:
    return sa.and_(table.c.model == model, table.c.generation == _generation(model))


def _visible(model: str) -> Any:
    shown = sa.or_(EVENTS.c.generation == _FEEDBACK, EVENTS.c.generation == _generation(model))
    return sa.and_(EVENTS.c.model == model, shown)
