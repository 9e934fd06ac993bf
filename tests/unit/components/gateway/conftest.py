"""Both databases that the gateway's tables live on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pgserver
import pytest
import sqlalchemy as sa

from components.gateway import database as tables
from components.gateway.database import Database


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
    opened = Database(url)
    with opened.begin() as connection:
        for table in (tables.ITEMS, tables.EVENTS, tables.USERS, tables.IMPORTS, tables.EVENT_IDS):
            connection.execute(sa.delete(table))
    yield opened
    opened.close()
