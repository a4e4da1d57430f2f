"""A running transaction: executes statements, and is handed from function to function instead of a connection."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar, overload

from sqlalchemy import Connection, Executable

from engine.database.statements import Query, R

T = TypeVar("T")
Parameters = Mapping[str, Any]


class Transaction:
    """One transaction. `now` is epoch milliseconds at its start; `dialect` is sqlite or postgresql.

    Its methods are awaited, so that another driver can lie beneath them; the work of a transaction awaits nothing else.
    """

    __slots__ = ("_connection", "dialect", "now")

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name
        self.now = now

    @overload
    async def rows(self, query: Query[R], parameters: Parameters | None = None) -> list[R]: ...

    @overload
    async def rows(self, query: Executable, parameters: Parameters | None = None) -> list[Any]: ...

    async def rows(self, query: Query[Any] | Executable, parameters: Parameters | None = None) -> list[Any]:
        """Return all rows of a query."""
        return fetched(self._connection, query, parameters)

    @overload
    async def first(self, query: Query[R], parameters: Parameters | None = None) -> R | None: ...

    @overload
    async def first(self, query: Executable, parameters: Parameters | None = None) -> Any | None: ...

    async def first(self, query: Query[Any] | Executable, parameters: Parameters | None = None) -> Any | None:
        """Return the first row of a query, None if there is none."""
        return next(iter(fetched(self._connection, query, parameters)), None)

    async def execute(
        self, statement: Query[Any] | Executable, parameters: Parameters | Sequence[Parameters] | None = None
    ) -> int:
        """Execute a statement, once for each of several parameter sets; return the number of rows it changed."""
        if isinstance(statement, Query):
            bound = statement.bound(parameters or {}) if not isinstance(parameters, Sequence) else parameters
            return self._connection.execute(statement.executable(self.dialect), bound).rowcount
        return self._connection.execute(statement, parameters or {}).rowcount

    async def insert(self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert many rows without SQLAlchemy's conversion of values, which costs more than the database's work.

        Only for values that the driver takes as they are: numbers, text, bytes, booleans.
        """
        if rows:
            placeholder = "?" if self.dialect == "sqlite" else "${}"
            placeholders = ", ".join(placeholder.format(n) for n in range(1, len(columns) + 1))
            names = ", ".join(columns)
            self._connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({placeholders})", list(rows))


def fetched(connection: Connection, query: Query[Any] | Executable, parameters: Parameters | None) -> list[Any]:
    """Return all rows of a query on a connection."""
    if isinstance(query, Query):
        result = connection.execute(query.executable(connection.dialect.name), query.bound(parameters or {}))
        return query.made(result)
    return list(connection.execute(query, parameters or {}))


def completed(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the work of a transaction to its end; raise RuntimeError if it awaits anything but its statements."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a transaction awaits its own statements only")
