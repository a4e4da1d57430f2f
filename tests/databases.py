"""New databases for tests: an SQLite file is a copy of one that was migrated, a PostgreSQL database is emptied.

Several test processes side by side have each a PostgreSQL database of their own, beside the one that is named.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from threading import Thread

import asyncpg
from sqlalchemy import make_url

from engine.database.database import Database
from engine.database.migrate import migrate
from engine.database.tables import Base

FROM_MIGRATIONS = {"installation", "roles"}
"""Tables whose rows a migration writes."""
_templates = tempfile.TemporaryDirectory(prefix="antar-tests-")


def own(url: str) -> str:
    """Return the URL of this test process's PostgreSQL database."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    return f"{url}_{worker}" if url and worker else url


def create(url: str, template: str = "template1") -> None:
    """Create a PostgreSQL database, if it does not exist, as a copy of another one."""
    name = make_url(url).database

    async def work(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    _on_server(url, work)


def drop(url: str) -> None:
    """Drop a PostgreSQL database, if it exists."""
    name = make_url(url).database
    if kept := _connections.pop(url, None):
        _loop().call_soon_threadsafe(kept.terminate)
    _on_server(url, lambda connection: connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def copy(url: str, folder: Path) -> str:
    """Return the URL of a copy of a database to which nobody is connected: a file in the folder, or URL_copy."""
    if url.startswith("sqlite"):
        return f"sqlite:///{shutil.copy(make_url(url).database or '', folder)}"
    drop(copied := f"{url}_copy")
    create(copied, template=make_url(url).database or "")
    return copied


def _on_server(url: str, work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[object]]) -> None:
    """Do something on the server of a database that does not connect to this database."""

    async def run() -> None:
        server = make_url(url).set(database="postgres")
        connection = await asyncpg.connect(server.render_as_string(hide_password=False))
        await work(connection)
        await connection.close()

    asyncio.run_coroutine_threadsafe(run(), _loop()).result()


def sqlite(folder: Path) -> str:
    """Return the URL of a migrated database in the folder."""
    path = folder / "antar.sqlite3"
    shutil.copy(_migrated(), path)
    return f"sqlite:///{path}"


@cache
def _migrated() -> Path:
    """Return a migrated file; to migrate for each test would take longer than the tests."""
    path = Path(_templates.name) / "antar.sqlite3"
    asyncio.run_coroutine_threadsafe(_migrate(f"sqlite:///{path}"), _loop()).result()
    return path


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return a loop beside those of the tests, between which no connection can move."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="databases", daemon=True).start()
    return loop


EMPTY = "SELECT pg_temp.empty_tables()"
_connections: dict[str, asyncpg.Connection[asyncpg.Record]] = {}


async def prepare(url: str) -> None:
    """Migrate a PostgreSQL database unless this test process has done so, and delete all rows."""
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_prepare(url), _loop()))


async def _prepare(url: str) -> None:
    connection = _connections.get(url)
    if connection is None or connection.is_closed():  # a test may have had all connections cut
        await _migrate(url)
        connection = _connections[url] = await asyncpg.connect(url)
        await connection.execute(_emptying())
    try:
        await connection.execute(EMPTY)
    except asyncpg.UndefinedTableError:  # a test has dropped the schema
        await _migrate(url)
        await connection.execute(EMPTY)


async def _migrate(url: str) -> None:
    database = Database(url, durable=False)
    await migrate(database, "demo")
    await database.close()


def _emptying() -> str:
    """Return the statement that makes the function which empties the tables; a function keeps its plans.

    TRUNCATE costs twenty times as much as DELETE on small tables.
    """
    tables = [table.name for table in Base.metadata.sorted_tables if table.name not in FROM_MIGRATIONS]
    deleting = " ".join(f"DELETE FROM {name};" for name in tables)
    restoring = (
        "UPDATE installation SET clock_at = NULL, jump = NULL, prune_after = NULL, postponements = 0,"
        " columns_hash = NULL;"
    )
    restarting = "PERFORM setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S';"
    return (
        "CREATE FUNCTION pg_temp.empty_tables() RETURNS void LANGUAGE plpgsql "
        f"SET session_replication_role = replica AS $$ BEGIN {deleting} {restoring} {restarting} END $$"
    )
