"""Textual statements on PostgreSQL: dead connections, errors without values, numbers of changed rows."""

from __future__ import annotations

import traceback

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.facilities.facilities import FacilityRow
from tests.conftest import POSTGRESQL

pytestmark = pytest.mark.anyio

JIT = Statement("SELECT current_setting('jit')", str, only="postgresql")

NAMES = Statement("SELECT name FROM facilities", str)
RENAME = Command("UPDATE facilities SET name = :name")
AGAIN = Command("INSERT INTO facilities SELECT * FROM facilities")
BROKEN = Command("UPDATE facilities SET created_at = created_at / CAST(:zero AS INTEGER)")
ON_POSTGRESQL = pytest.mark.parametrize(
    "database_url",
    [pytest.param("postgresql", marks=pytest.mark.skipif(not POSTGRESQL, reason="ANTAR_TEST_DATABASE_URL is not set"))],
    indirect=True,
)
END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND pid <> pg_backend_pid()"
)


async def end_connections(url: str) -> None:
    """Let the server end every connection, as a restart does."""
    connection = await asyncpg.connect(make_url(url).render_as_string(hide_password=False))
    await connection.execute(END_OTHERS)
    await connection.close()


@ON_POSTGRESQL
async def test_what_meets_a_dead_connection_is_run_again(
    database: Database, database_url: str, facility: FacilityRow
) -> None:
    assert await database.fetch(NAMES) == [facility.name]
    await end_connections(database_url)
    assert await database.fetch(NAMES) == [facility.name]
    await end_connections(database_url)
    assert await database.execute(RENAME, {"name": "Klinik Baru"}) == 1
    assert await database.fetch(NAMES) == ["Klinik Baru"]


@ON_POSTGRESQL
async def test_no_statement_is_compiled_to_machine_code(database: Database) -> None:
    assert await database.fetch(JIT) == ["off"]


async def test_an_error_shows_no_value(database: Database, facility: FacilityRow) -> None:
    with pytest.raises(IntegrityError) as refused:
        await database.execute(AGAIN)
    words = "".join(traceback.format_exception(refused.value))
    assert "unique" in words.lower()
    assert facility.code not in words
    assert "(1)" not in words


@ON_POSTGRESQL
async def test_a_broken_transaction_leaves_nothing_and_its_connection_is_of_use(
    database: Database, facility: FacilityRow
) -> None:
    async def rename_and_break(tx: Transaction) -> None:
        await tx.execute(RENAME, {"name": "nobody sees it"})
        await tx.execute(BROKEN, {"zero": 0})

    for _ in range(3):
        with pytest.raises(DBAPIError, match="division by zero"):
            await database.write(rename_and_break)
    assert await database.fetch(NAMES) == [facility.name]


@ON_POSTGRESQL
async def test_a_connection_lost_inside_a_transaction_has_it_run_again(
    database: Database, database_url: str, facility: FacilityRow
) -> None:
    runs: list[str] = []

    async def rename(tx: Transaction) -> None:
        runs.extend(await tx.rows(NAMES))
        if len(runs) == 1:
            await end_connections(database_url)
        await tx.execute(RENAME, {"name": "Klinik Baru"})

    await database.write(rename)
    assert runs == [facility.name, facility.name]
    assert await database.fetch(NAMES) == ["Klinik Baru"]
