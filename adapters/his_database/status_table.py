"""The one table of a clinic's database that is written to: it was made for that, and tells what became of records.

A short connection of its own writes it. The statement is ours; of the configuration it has the name of the table only.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from adapters.his_database.connection import DIALECTS, faults_of, opened
from adapters.his_database.contract import Credentials
from adapters.his_database.grants import in_quotes, named

COLUMNS = ("spec", "key", "status", "reference", "problem", "at")
MAX_PROBLEM_CHARACTERS = 500
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
# An index of old servers holds 767 bytes of a column: 200 characters of three bytes.
_KINDS: Mapping[str, tuple[str, ...]] = {
    "mariadb": (
        "VARCHAR(60) CHARACTER SET utf8 COLLATE utf8_bin NOT NULL",
        "VARCHAR(200) CHARACTER SET utf8 COLLATE utf8_bin NOT NULL",
        *("VARCHAR(10) NOT NULL", "VARCHAR(200)", "TEXT", "DATETIME NOT NULL"),
    ),
    "postgresql": (
        *("VARCHAR(60) NOT NULL", "VARCHAR(200) NOT NULL", "VARCHAR(10) NOT NULL"),
        *("VARCHAR(200)", "TEXT", "TIMESTAMP NOT NULL"),
    ),
    "sqlite": ("TEXT NOT NULL", "TEXT NOT NULL", "TEXT NOT NULL", "TEXT", "TEXT", "TEXT NOT NULL"),
}


async def write_statuses(
    system: str, credentials: Credentials, table: str, rows: Sequence[Mapping[str, Any]], patience: float
) -> None:
    """Insert rows with a value for each of COLUMNS, or update those of the same spec and key. Raises HisFault.

    All are written in one transaction, in at most `patience` seconds.
    """
    if not _NAME.fullmatch(table):
        raise ValueError(f"{table!r} is no name of a table")
    dialect = DIALECTS[system]
    values = [{name: dialect.parameter(_short(row[name])) for name in COLUMNS} for row in rows]
    async with opened(system, credentials, writes=True) as connection:
        with faults_of(dialect):
            async with asyncio.timeout(patience):
                await connection.exec_driver_sql("BEGIN")
                await connection.execute(text(_upsert(system, table)), values)
                await connection.exec_driver_sql("COMMIT")


def status_table(system: str, table: str, database: str, user: str, host: str) -> Iterator[str]:
    """Yield the statements by which a technician makes the table and lets the reader's user write to it alone."""
    quote = _quote(system)
    columns = ", ".join(f"{named(name, quote)} {kind}" for name, kind in zip(COLUMNS, _KINDS[system], strict=True))
    key = f"PRIMARY KEY ({named('spec', quote)}, {named('key', quote)})"
    place = f"{named(database, quote)}.{named(table, quote)}" if system == "mariadb" else named(table, quote)
    yield f"CREATE TABLE {place} ({columns}, {key});"
    if system == "mariadb":
        yield f"GRANT SELECT, INSERT, UPDATE ON {place} TO '{in_quotes(user)}'@'{in_quotes(host)}';"
    elif system == "postgresql":
        yield f"GRANT SELECT, INSERT, UPDATE ON {place} TO {named(user, quote)};"


def _upsert(system: str, table: str) -> str:
    quote = _quote(system)
    names = [named(name, quote) for name in COLUMNS]
    insert = (
        f"INSERT INTO {named(table, quote)} ({', '.join(names)}) VALUES ({', '.join(f':{one}' for one in COLUMNS)})"
    )
    if system == "mariadb":
        return f"{insert} ON DUPLICATE KEY UPDATE {', '.join(f'{name} = VALUES({name})' for name in names[2:])}"
    changes = ", ".join(f"{name} = excluded.{name}" for name in names[2:])
    return f"{insert} ON CONFLICT ({names[0]}, {names[1]}) DO UPDATE SET {changes}"


def _quote(system: str) -> str:
    return "`" if system == "mariadb" else '"'


def _short(value: Any) -> Any:
    return value[:MAX_PROBLEM_CHARACTERS] if isinstance(value, str) else value
