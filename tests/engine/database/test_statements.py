"""Textual statements: each is prepared on both databases, so that a renamed column fails here and not at night."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

import admin
import engine
from engine.database.database import Database
from engine.database.rows import AuditRow, DeliveryRow, ItemRow, JobRow
from engine.database.statements import SCALARS, STATEMENTS, Statement
from engine.database.tables import AuditEntry, Delivery, Item, Job

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parents[3]

for package in (engine, admin):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@pytest.mark.parametrize(
    ("row", "table"),
    [(DeliveryRow, Delivery), (ItemRow, Item), (JobRow, Job), (AuditRow, AuditEntry)],
)
def test_a_row_has_the_columns_of_its_table_in_order(row: Any, table: Any) -> None:
    assert list(row._fields) == [column.name for column in table.__table__.columns]


def test_every_row_is_a_type_whose_columns_can_be_compared() -> None:
    rows = {statement.row for statement in STATEMENTS} - {*SCALARS, type(None)}
    assert [row for row in rows if not hasattr(row, "_fields")] == []


async def test_every_statement_can_be_prepared_and_returns_the_columns_of_its_row(database: Database) -> None:
    problems = []
    for statement in STATEMENTS:
        if database.dialect in statement.dialects and not statement.place.startswith("bench."):
            problems += [f"{statement.place}: {problem}" for problem in await _problems(database, statement)]
    assert problems == []


async def _problems(database: Database, statement: Statement[Any]) -> list[str]:
    prepare = _prepared_by_sqlite if database.dialect == "sqlite" else _prepared_by_postgresql
    try:
        columns = await database.on_connection(lambda connection: prepare(connection, statement))
    except DBAPIError as error:
        return [str(error.orig)]
    fields = getattr(statement.row, "_fields", None)
    return [] if columns is None or fields is None or list(fields) == columns else [f"{fields} for {columns}"]


def _prepared_by_sqlite(connection: Connection, statement: Statement[Any]) -> None:
    query = text(f"EXPLAIN {statement.sql('sqlite')}")
    connection.execute(query, dict.fromkeys(query.compile().params))


def _prepared_by_postgresql(connection: Connection, statement: Statement[Any]) -> list[str]:
    """Return the names of the columns that the statement returns."""
    sql = str(statement.executable("postgresql").compile(dialect=PGDialect_asyncpg()))
    prepared = await_only(connection.connection.driver_connection.prepare(sql))
    return [attribute.name for attribute in prepared.get_attributes()]


# The schema, the migration to it, and the registry itself.
WITHOUT_REGISTRY = {"engine/database/tables.py", "engine/database/migrate.py", "engine/database/statements.py"}


def _composes(path: Path) -> bool:
    """Return whether a module makes SQL from text outside the registry, or declares a statement inside a function."""
    tree = ast.parse(path.read_text("utf-8"))
    imported = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy")
    if any(alias.name == "text" for node in imported for alias in node.names):
        return True
    functions = (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    calls = (node for function in functions for node in ast.walk(function) if isinstance(node, ast.Call))
    return any(isinstance(call.func, ast.Name) and call.func.id in ("Statement", "Command") for call in calls)


def test_no_sql_is_put_together_at_run_time() -> None:
    files = [path for package in ("engine", "admin") for path in sorted((ROOT / package).rglob("*.py"))]
    composing = {str(path.relative_to(ROOT)) for path in files if _composes(path)}
    assert composing == WITHOUT_REGISTRY
