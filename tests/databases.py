"""New databases for tests: an SQLite file is a copy of one that was migrated, a PostgreSQL database is emptied.

Several test processes side by side have each a PostgreSQL database of their own, beside the one that is named.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import asyncpg
from sqlalchemy import make_url, text

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


def create(url: str) -> None:
    """Create the PostgreSQL database of this test process, if it does not exist."""
    target = make_url(url)

    async def run() -> None:
        connection = await asyncpg.connect(target.set(database="postgres").render_as_string(hide_password=False))
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", target.database):
            await connection.execute(f'CREATE DATABASE "{target.database}"')
        await connection.close()

    asyncio.run(run())


def drop(url: str) -> None:
    """Drop a PostgreSQL database, if it exists."""
    unwanted = make_url(url)

    async def run() -> None:
        connection = await asyncpg.connect(unwanted.set(database="postgres").render_as_string(hide_password=False))
        await connection.execute(f'DROP DATABASE IF EXISTS "{unwanted.database}" WITH (FORCE)')
        await connection.close()

    asyncio.run(run())


def sqlite(folder: Path) -> str:
    """Return the URL of a migrated database in the folder."""
    path = folder / "antar.sqlite3"
    shutil.copy(_migrated(), path)
    return f"sqlite:///{path}"


@cache
def _migrated() -> Path:
    """Return the schema's statements; to migrate for each test would take longer than the tests."""
    path = Path(_templates.name) / "antar.sqlite3"

    async def run() -> None:
        database = Database(f"sqlite:///{path}", durable=False)
        await migrate(database, "demo")
        await database.close()

    with ThreadPoolExecutor(1) as aside:  # whoever asks may have a loop of its own running
        aside.submit(asyncio.run, run()).result()
    return path


async def empty(database: Database) -> None:
    """Delete all rows; TRUNCATE costs twenty times as much on small tables."""
    tables = [table.name for table in Base.metadata.sorted_tables if table.name not in FROM_MIGRATIONS]
    removing = " ".join(f"DELETE FROM {name};" for name in tables)
    removing += " UPDATE installation SET clock_at = NULL, jump = NULL, prune_after = NULL, postponements = 0"
    removing += ", columns_hash = NULL;"
    restarting = "PERFORM setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S';"
    statements = ("SET LOCAL session_replication_role = replica", f"DO $$ BEGIN {removing} {restarting} END $$")
    await database.on_connection(lambda connection: [connection.execute(text(statement)) for statement in statements])
