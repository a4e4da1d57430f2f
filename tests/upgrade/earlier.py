"""Databases of an earlier version: the tables of its revision, filled with the rows of its dump."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, delete, func, insert, select, text

from engine.database.database import Database
from engine.settings import ROOT

FOLDER = Path(__file__).parent
REVISIONS = sorted(file.stem for file in FOLDER.glob("*.ndjson"))


async def restore(database: Database, revision: str) -> None:
    """Create the tables of the revision in an emptied database and fill each; an AssertionError names an empty one."""
    await database.on_connection(_empty)
    await database.on_connection(lambda connection: command.upgrade(_config(connection), revision))
    await database.on_connection(lambda connection: _fill(connection, revision))


def rows_of(revision: str, table: str) -> list[dict[str, Any]]:
    """Return the rows of one table in the dump."""
    return [row for name, row in _lines(revision) if name == table]


def _empty(connection: Connection) -> None:
    """An SQLite file is new for each test."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


def _config(connection: Connection) -> Config:
    config = Config(toml_file=str(ROOT / "pyproject.toml"))
    config.attributes["connection"] = connection
    return config


def _fill(connection: Connection, revision: str) -> None:
    schema = MetaData()
    schema.reflect(connection)
    tables = [table for table in schema.sorted_tables if table.name != "alembic_version"]
    for table in reversed(tables):  # rows that a migration has written stand in the dump too
        connection.execute(delete(table))
    filled = set()
    for name, lines in groupby(_lines(revision), key=lambda line: line[0]):
        table = schema.tables[name]
        columns = {column.name: None for column in table.columns}
        connection.execute(insert(table), [{**columns, **row} for _, row in lines])
        filled.add(table)
        _count_on(connection, table)
    assert {table.name for table in tables} == {table.name for table in filled}


def _count_on(connection: Connection, table: Table) -> None:
    """The next id of PostgreSQL follows the last one that was filled in."""
    if connection.dialect.name == "postgresql" and "id" in table.columns:
        sequence = func.pg_get_serial_sequence(table.name, "id")
        if connection.execute(select(sequence)).scalar():
            connection.execute(select(func.setval(sequence, select(func.max(table.c.id)).scalar_subquery())))


def _lines(revision: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (table, row) of each line of the dump; see make_dump._lines."""
    for line in (FOLDER / f"{revision}.ndjson").read_bytes().splitlines():
        name, row = orjson.loads(line)
        yield name, {column: _bytes(value) for column, value in row.items()}


def _bytes(value: Any) -> Any:
    return value["utf-8"].encode() if isinstance(value, dict) else value
