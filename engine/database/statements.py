"""Typed SQL: queries that know the type of their rows, and textual statements that a test can find and prepare.

Every `Statement` enters STATEMENTS when its module is imported; a test prepares all of them on SQLite and PostgreSQL,
so that a renamed column fails there. Declare each at the top level of a module, never inside a function.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from operator import itemgetter
from types import FrameType
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import Executable, TextClause, text

R = TypeVar("R")
DIALECTS = ("sqlite", "postgresql")
SCALARS: tuple[type, ...] = (int, str, bytes, bool, float)

STATEMENTS: list[Statement[Any]] = []  # all textual statements of the modules that have been imported


class Query(Generic[R]):
    """A query of SQLAlchemy whose rows become `row(*columns)`; a scalar type (int, str) stands for the only column."""

    def __init__(self, executable: Executable, row: type[R]) -> None:
        self._executable = executable
        self.row = row

    def executable(self, dialect: str) -> Executable:
        """Return what SQLAlchemy executes on that database."""
        return self._executable

    def bound(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the parameters as the driver takes them."""
        return parameters

    def made(self, rows: Iterable[Any]) -> list[R]:
        """Return rows of the driver as rows of this query."""
        if self.row in SCALARS:
            return list(map(itemgetter(0), rows))
        return [self.row(*row) for row in rows]


class Statement(Query[R]):
    """A textual statement with named parameters (`:facility`).

    `{ids}` in the text is a subquery of the rows in the parameter `ids`, which is declared as `ids="id bigint"` and
    bound to a sequence of values; with several columns (`rows="spec text, key text"`) to a sequence of rows.
    `{IN ids}` is the condition that a column has one of the values. For a column that is not unique PostgreSQL must be
    asked with it: of a join it expects half of a table that has no statistics yet, and reads all.
    `{FOR UPDATE}`, also `{FOR UPDATE OF d}` or `{FOR UPDATE SKIP LOCKED}`, is left out on SQLite, which has one writer.
    `only` names the database that a statement is written for, None for both.
    """

    def __init__(self, sql: str, row: type[R], *, only: str | None = None, **arrays: str) -> None:
        self.place = _place()
        self.dialects = DIALECTS if only is None else (only,)
        self._sql = sql
        self.row = row
        self._arrays = {name: _columns(columns) for name, columns in arrays.items()}
        self._texts: dict[str, TextClause] = {}
        STATEMENTS.append(self)

    def executable(self, dialect: str) -> TextClause:
        clause = self._texts.get(dialect)
        if clause is None:
            clause = self._texts[dialect] = text(self.sql(dialect))
        return clause

    def sql(self, dialect: str) -> str:
        """Return the text for that database, with parameters as `:name`."""
        sql = re.sub(r"\{(FOR UPDATE[^}]*)\}", "" if dialect == "sqlite" else r"\1", self._sql)
        for name, columns in self._arrays.items():
            rows = subquery(dialect, name, columns)
            values = f"SELECT {next(iter(columns))} FROM {rows} AS v"
            sql = sql.replace(f"{{IN {name}}}", f"IN ({values})" if dialect == "sqlite" else f"= ANY (ARRAY({values}))")
            sql = sql.replace(f"{{{name}}}", rows)
        return sql

    def bound(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._arrays:
            return parameters
        return {**parameters, **{name: orjson.dumps(list(parameters[name])).decode() for name in self._arrays}}


class Command(Statement[None]):
    """A textual statement that returns no rows."""

    def __init__(self, sql: str, *, only: str | None = None, **arrays: str) -> None:
        super().__init__(sql, type(None), only=only, **arrays)


def subquery(dialect: str, name: str, columns: Mapping[str, str]) -> str:
    """Return SQL for the rows in the JSON array `:name`; `columns` is name -> SQL type, a single column has no rows."""
    alone = len(columns) == 1
    if dialect == "sqlite":
        values = [
            f"value AS {column}" if alone else f"json_extract(value, '$[{i}]') AS {column}"
            for i, column in enumerate(columns)
        ]
        return f"(SELECT {', '.join(values)} FROM json_each(:{name}))"
    values = [
        f"(e.value #>> '{{}}')::{kind} AS {column}" if alone else f"(e.value ->> {i})::{kind} AS {column}"
        for i, (column, kind) in enumerate(columns.items())
    ]
    return f"(SELECT {', '.join(values)} FROM jsonb_array_elements(CAST(:{name} AS jsonb)) AS e)"


def _columns(declared: str) -> dict[str, str]:
    """Return name -> SQL type of "spec text, key text"."""
    pairs = (column.split(maxsplit=1) for column in declared.split(","))
    return {name: kind for name, kind in pairs}  # noqa: C416


def _place() -> str:
    """Return module and line of the declaration that is running."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals["__name__"] == __name__:
        frame = frame.f_back
    return f"{frame.f_globals['__name__']}:{frame.f_lineno}" if frame else ""
