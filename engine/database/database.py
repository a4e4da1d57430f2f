"""Database access on SQLite and PostgreSQL: reads, and transactions that are run again when they collide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from sqlite3 import SQLITE_FULL
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from sqlalchemy import Connection, Executable, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from engine.database.postgresql import PostgreSQL
from engine.database.sqlite import SQLite
from engine.database.statements import Query, R, Statement
from engine.database.transaction import (
    Driver,
    ModelTransaction,
    Parameters,
    SqlalchemyDriver,
    Transaction,
    completed,
    fetched,
)

T = TypeVar("T")
P = ParamSpec("P")
Work = Callable[Concatenate[Transaction, P], Coroutine[Any, Any, T]]  # what one transaction does; it may run again
ModelWork = Callable[Concatenate[ModelTransaction, P], Coroutine[Any, Any, T]]
FollowUp = Callable[[Transaction], Coroutine[Any, Any, None]]  # work that another room adds to a transaction
COLLISION_WORDS = ("deadlock", "could not serialize", "connection was closed", "cached statement plan")
MAX_TRIES = 5  # of a transaction that collides with others
# SQLSTATE classes of errors in the values or the statement: trying again would not help.
STATEMENT_FAULTS = ("22", "23", "42", "54")
DISK_FULL = "53100"  # SQLSTATE
# SQLSTATE classes of a server that cannot be reached, is starting or full, or knows no such user or database.
UNREACHABLE = ("08", "28", "3D", "53", "57P")


def wall_clock() -> int:
    """Return epoch milliseconds."""
    return time.time_ns() // 1_000_000


def steady_clock() -> int:
    """Return milliseconds since some fixed moment, independent of changes to the wall clock."""
    return time.monotonic_ns() // 1_000_000


_SERVER_TIME = Statement(
    "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now", int, only="postgresql"
)


class Backend(Protocol):
    """A kind of database: textual statements by its own driver, queries of models through SQLAlchemy."""

    async def fetch(self, query: Statement[R], parameters: Parameters) -> list[R]: ...

    async def transact(self, work: Callable[[Driver], Coroutine[Any, Any, T]]) -> T: ...

    async def single(self, work: Callable[[Driver], Coroutine[Any, Any, T]]) -> T: ...

    async def read(self, work: Callable[[Connection], T]) -> T: ...

    async def write(self, work: Callable[[Connection], T]) -> T: ...

    async def close(self) -> None: ...


class Database:
    """Reading and writing on SQLite (WAL) or PostgreSQL. Errors never show parameters: these hold patient data.

    `durable` makes SQLite flush each commit to the disk. The web process needs that, because it answers 2xx only for
    stored records. A worker does not: commits lost in a power cut come back as expired leases.
    """

    def __init__(self, url: str, *, durable: bool = True, clock: Callable[[], int] = wall_clock) -> None:
        self._clock = clock
        self._offset = 0
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        self._backend: Backend = SQLite(parsed, durable) if self.dialect == "sqlite" else PostgreSQL(parsed)

    def clock(self) -> int:
        """Return epoch milliseconds, by the database's clock once `synchronise` has run."""
        return self._clock() + self._offset

    async def synchronise(self) -> None:
        """Set the clock by the PostgreSQL server, so that leases of several machines can be compared.

        Until the next call it follows the monotonic clock: a machine whose time is corrected by an hour would otherwise
        take back the leases of all others.
        """
        if self.dialect != "postgresql" or self._clock not in (wall_clock, steady_clock):
            return
        [now] = await self.fetch(_SERVER_TIME)
        self._clock, self._offset = steady_clock, now - steady_clock()

    @overload
    async def fetch(self, query: Query[R], parameters: Parameters | None = None) -> list[R]: ...

    @overload
    async def fetch(self, query: Executable, parameters: Parameters | None = None) -> list[Any]: ...

    async def fetch(self, query: Query[Any] | Executable, parameters: Parameters | None = None) -> list[Any]:
        """Return all rows of one query."""
        values = parameters or {}
        if isinstance(query, Statement):
            statement = query
            return await _repeated(lambda: self._backend.fetch(statement, values))
        return await self._backend.read(lambda connection: fetched(connection, query, values))

    @overload
    async def first(self, query: Query[R], parameters: Parameters | None = None) -> R | None: ...

    @overload
    async def first(self, query: Executable, parameters: Parameters | None = None) -> Any | None: ...

    async def first(self, query: Query[Any] | Executable, parameters: Parameters | None = None) -> Any | None:
        """Return the first row of a query, None if there is none."""
        return next(iter(await self.fetch(query, parameters)), None)

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(transaction, *args)`; after a collision the work is run again, up to MAX_TRIES times."""

        def run(driver: Driver) -> Coroutine[Any, Any, T]:
            return work(Transaction(driver, self.clock()), *args, **kwargs)

        return await _repeated(lambda: self._backend.transact(run))

    async def execute(self, command: Statement[Any], parameters: Parameters | None = None) -> int:
        """Execute one statement, which is a transaction of its own; return the number of rows that it changed."""
        return await _repeated(lambda: self._backend.single(lambda driver: driver.execute(command, parameters or {})))

    async def returned(self, command: Statement[R], parameters: Parameters | None = None) -> list[R]:
        """Execute one statement, which is a transaction of its own; return the rows of its RETURNING."""
        return await _repeated(lambda: self._backend.single(lambda driver: driver.fetch(command, parameters or {})))

    async def write_models(self, work: ModelWork[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what `write` does for work that executes queries of SQLAlchemy's models."""

        def run(connection: Connection) -> T:
            return completed(work(ModelTransaction(SqlalchemyDriver(connection), self.clock()), *args, **kwargs))

        return await self.on_connection(run)

    async def on_connection(self, work: Callable[[Connection], T]) -> T:
        """Run `work` as `write` does, on a connection of SQLAlchemy: for migrations and for tests."""
        return await _repeated(lambda: self._backend.write(work))

    async def close(self) -> None:
        """Close all connections."""
        await self._backend.close()


async def _repeated(work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of `work`, which is run again when it collides or meets a dead connection."""
    for attempt in range(1, MAX_TRIES):
        try:
            return await work()
        except DBAPIError as error:
            if not _collision(error):
                raise
            await asyncio.sleep(0.02 * attempt)
    return await work()


def is_away(error: Exception) -> bool:
    """Return whether the same work may succeed later; False: the database has refused a value or a statement."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, (SQLAlchemyError, OSError))
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return not isinstance(error, (DataError, IntegrityError)) and not state.startswith(STATEMENT_FAULTS)


def is_full(error: Exception) -> bool:
    """Return whether the database's disk is full."""
    orig = getattr(error, "orig", None)
    return getattr(orig, "sqlstate", None) == DISK_FULL or getattr(orig, "sqlite_errorcode", None) == SQLITE_FULL


def unreachable_reason(error: Exception) -> str:
    """Return the message of an error that means that the database cannot be reached; empty for other errors."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        words = str(error.orig).rpartition(">: ")[2]
        return words if state.startswith(UNREACHABLE) or "unable to open database file" in words else ""
    return str(error) if isinstance(error, OSError) and error.filename is None else ""


def _collision(error: DBAPIError) -> bool:
    words = str(error.orig).lower()
    return error.connection_invalidated or any(word in words for word in COLLISION_WORDS)
