"""The gateway's tables, on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from components.errors import InputError, LodestarError

_METADATA = sa.MetaData()

# Every row of an import carries its generation; readers see the one that `imports` names, so that a new
# import becomes visible at once and as a whole. Generation 0 is what came as feedback.
ITEMS = sa.Table(
    "items",
    _METADATA,
    sa.Column("model", sa.String(80), primary_key=True),
    sa.Column("generation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(512), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("categories", sa.JSON, nullable=False),
)
EVENTS = sa.Table(
    "events",
    _METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("model", sa.String(80), nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("user", sa.String(512), nullable=False),
    sa.Column("item", sa.String(512), nullable=False),
    sa.Column("type", sa.String(20), nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Index("events_of_user", "model", "user", "time", "id"),
    sa.Index("events_of_generation", "model", "generation"),
)
USERS = sa.Table(
    "users",
    _METADATA,
    sa.Column("model", sa.String(80), primary_key=True),
    sa.Column("generation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(512), primary_key=True),
    sa.Column("events", sa.Integer, nullable=False),
)
IMPORTS = sa.Table(
    "imports",
    _METADATA,
    sa.Column("model", sa.String(80), primary_key=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("claimed_until", sa.Float, nullable=False),
)
EVENT_IDS = sa.Table(
    "event_ids",
    _METADATA,
    sa.Column("model", sa.String(80), primary_key=True),
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("time", sa.Float, nullable=False, index=True),
)


class Database:
    """A connection pool and the tables in it, made if missing.

    Args:
        url: SQLAlchemy's, e.g. `sqlite:////path/file` or `postgresql+psycopg://user@host/name`.

    Raises:
        InputError: The URL is none, or of a database that is not supported.
        LodestarError: The database cannot be reached.
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise InputError(
                "`--database` is no URL.", cure="Give e.g. postgresql://user@host/name or sqlite:////file."
            ) from None
        if self._url.drivername == "postgresql":
            self._url = self._url.set(drivername="postgresql+psycopg")
        if self._url.get_backend_name() not in ("sqlite", "postgresql"):
            raise InputError(
                f"`{self._url.drivername}` is not supported.", cure="Take a postgresql:// or sqlite:// URL."
            )
        self.engine = self._open()

    def _open(self) -> sa.Engine:
        shown = self._url.render_as_string(hide_password=True)
        try:
            if self.is_sqlite and self._url.database:
                Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
            engine = sa.create_engine(self._url, pool_pre_ping=True)
            if self.is_sqlite:
                sa.event.listen(engine, "connect", _set_up_sqlite)
            with engine.begin() as connection:
                if not self.is_sqlite:
                    # Two gateways that start at once must not both make the tables.
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(7011001)"))
                _METADATA.create_all(connection)
            return engine
        except (sa.exc.SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
            raise LodestarError(
                f"The database {shown} cannot be used: {reason}.", cure="Check that it runs and its URL."
            ) from error

    @property
    def is_sqlite(self) -> bool:
        """Return whether the database is a file."""
        return self._url.get_backend_name() == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction, committed at the end, undone on an error."""
        with self.engine.begin() as connection:
            yield connection

    def insert(self, table: sa.Table) -> Any:
        """Return an INSERT that can say what to do on a conflict."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _set_up_sqlite(connection: Any, _: object) -> None:
    # Readers go on while an import writes; two processes wait for each other instead of failing.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")
