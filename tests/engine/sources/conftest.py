"""Fixtures for sources: a clinic's database, on SQLite and on MariaDB where one answers."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from engine.database.database import Database
from tests.conftest import POSTGRESQL, Clock
from tests.engine.sources import laravel
from tests.engine.sources.laravel import PostgresqlClinic
from tests.engine.sources.unheard_of import Clinic, MariadbClinic, SqliteClinic, Tabib, open_tabib

MARIADB = make_url(os.environ.get("ANTAR_TEST_MARIADB_URL", "mysql+asyncmy://root@127.0.0.1:3306"))


def answers() -> bool:
    """Return whether a server listens there."""
    try:
        with socket.create_connection((MARIADB.host or "", MARIADB.port or 3306), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(params=["sqlite", "mariadb"])
async def clinic(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Clinic]:
    """Yield an empty database of a clinic."""
    if request.param == "sqlite":
        yield SqliteClinic(tmp_path)
        return
    if request.param == "postgresql":
        if not POSTGRESQL:
            pytest.skip("NO POSTGRESQL (ANTAR_TEST_DATABASE_URL): sources on other databases only")
        name = f"antar_his_{secrets.token_hex(4)}"
        server = PostgresqlClinic(make_url(POSTGRESQL), name)
        await server.at_server(f"CREATE DATABASE {name}")
        yield server
        await server.at_server(f"DROP DATABASE {name} WITH (FORCE)")
        return
    if not answers():
        pytest.skip(f"NO MARIADB at {MARIADB.host}:{MARIADB.port} (ANTAR_TEST_MARIADB_URL): sources on SQLite only")
    name = f"antar_his_{secrets.token_hex(4)}"
    opened = MariadbClinic(MARIADB, name)
    await opened.at_server(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield opened
    await opened.at_server(f"DROP DATABASE {name}")


@pytest.fixture
async def tabib(
    tmp_path: Path, database: Database, database_url: str, clock: Clock, clinic: Clinic
) -> AsyncIterator[Tabib]:
    """Yield a hub that reads the clinic's database; the counters must be right when the test has finished."""
    opened = await open_tabib(tmp_path, database_url, clock, clinic)
    yield opened
    await opened.reader.stop()
    assert await opened.antar.counters_are_right()
    await opened.antar.hub.close()


@pytest.fixture
async def klinik(
    tmp_path: Path, database: Database, database_url: str, clock: Clock, clinic: Clinic
) -> AsyncIterator[Tabib]:
    """Yield a hub that reads a system made with Laravel by its watermark."""
    opened = await open_tabib(tmp_path, database_url, clock, clinic, laravel.SOURCE, laravel.TABLES)
    yield opened
    await opened.reader.stop()
    assert await opened.antar.counters_are_right()
    await opened.antar.hub.close()
