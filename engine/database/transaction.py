"""A running transaction: executes statements, and is handed from function to function instead of a connection."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar, overload

from sqlalchemy import Connection, Executable

from engine.database.statements import Query, R, Statement

T = TypeVar("T")
Parameters = Mapping[str, Any]


class Driver(Protocol):
    """Executes on one connection of a database."""

    @property
    def dialect(self) -> str: ...

    async def fetch(self, query: Statement[R], parameters: Parameters) -> list[R]:
        """Return the rows of a query, as the query makes them."""
        ...

    async def execute(self, statement: Statement[Any], parameters: Parameters | Sequence[Parameters]) -> int:
        """Execute a statement, once for each of several parameter sets; return the number of rows it changed."""
        ...

    async def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, absent: bool = False
    ) -> None:
        """Insert at least one row, each with a value for each column."""
        ...


class Transaction:
    """One transaction of textual statements. `now` is epoch milliseconds at its start; `dialect` names the database.

    The work of a transaction awaits nothing but its statements.
    """

    __slots__ = ("_driver", "dialect", "now")

    def __init__(self, driver: Driver, now: int) -> None:
        self._driver = driver
        self.dialect = driver.dialect
        self.now = now

    async def rows(self, query: Statement[R], parameters: Parameters | None = None) -> list[R]:
        """Return all rows of a query."""
        return await self._driver.fetch(query, parameters or {})

    async def first(self, query: Statement[R], parameters: Parameters | None = None) -> R | None:
        """Return the first row of a query, None if there is none."""
        return next(iter(await self._driver.fetch(query, parameters or {})), None)

    async def execute(
        self, statement: Statement[Any], parameters: Parameters | Sequence[Parameters] | None = None
    ) -> int:
        """Execute a statement, once for each of several parameter sets; return the number of rows it changed."""
        return await self._driver.execute(statement, parameters or {})

    async def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, absent: bool = False
    ) -> None:
        """Insert many rows at once; with `absent` only those whose keys are not there.

        Only for values that the driver takes as they are: numbers, text, bytes, booleans.
        """
        if rows:
            await self._driver.insert(table, columns, rows, absent=absent)


class ModelTransaction(Transaction):
    """A transaction that also executes queries of SQLAlchemy's models, at some 0.1 ms each."""

    __slots__ = ("_models",)

    def __init__(self, driver: SqlalchemyDriver, now: int) -> None:
        super().__init__(driver, now)
        self._models = driver

    @overload
    async def rows(self, query: Query[R], parameters: Parameters | None = None) -> list[R]: ...

    @overload
    async def rows(self, query: Executable, parameters: Parameters | None = None) -> list[Any]: ...

    async def rows(self, query: Query[Any] | Executable, parameters: Parameters | None = None) -> list[Any]:
        return await self._models.fetch(query, parameters or {})

    @overload
    async def first(self, query: Query[R], parameters: Parameters | None = None) -> R | None: ...

    @overload
    async def first(self, query: Executable, parameters: Parameters | None = None) -> Any | None: ...

    async def first(self, query: Query[Any] | Executable, parameters: Parameters | None = None) -> Any | None:
        return next(iter(await self._models.fetch(query, parameters or {})), None)

    async def execute(
        self, statement: Query[Any] | Executable, parameters: Parameters | Sequence[Parameters] | None = None
    ) -> int:
        return await self._models.execute(statement, parameters or {})


class SqlalchemyDriver:
    """Executes on a connection of SQLAlchemy. Its methods never wait, so that `completed` can run their callers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name

    async def fetch(self, query: Query[Any] | Executable, parameters: Parameters) -> list[Any]:
        return fetched(self._connection, query, parameters)

    async def execute(self, statement: Query[Any] | Executable, parameters: Parameters | Sequence[Parameters]) -> int:
        if isinstance(statement, Query):
            bound = statement.bound(parameters) if not isinstance(parameters, Sequence) else parameters
            return self._connection.execute(statement.executable(self.dialect), bound).rowcount
        return self._connection.execute(statement, parameters).rowcount

    async def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, absent: bool = False
    ) -> None:
        # Without SQLAlchemy's conversion of values, which costs more than the database's work.
        self._connection.exec_driver_sql(insert_command(self.dialect, table, columns, absent), list(rows))


def insert_command(dialect: str, table: str, columns: Sequence[str], absent: bool = False) -> str:
    """Return the text of an INSERT of one row, with the placeholders of the driver."""
    placeholder = "?" if dialect == "sqlite" else "${}"
    placeholders = ", ".join(placeholder.format(n) for n in range(1, len(columns) + 1))
    command = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({placeholders})"
    return f"{command} ON CONFLICT DO NOTHING" if absent else command


def fetched(connection: Connection, query: Query[Any] | Executable, parameters: Parameters) -> list[Any]:
    """Return all rows of a query on a connection."""
    if isinstance(query, Query):
        return query.made(connection.execute(query.executable(connection.dialect.name), query.bound(parameters)))
    return list(connection.execute(query, parameters))


def completed(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the work of a transaction to its end; raise RuntimeError if it awaits anything but its statements."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a transaction awaits its own statements only")
