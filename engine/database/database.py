"""Database access on SQLite and PostgreSQL: reads, and transactions that are run again when they collide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import SQLITE_FULL
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from sqlalchemy import URL, Connection, Engine, Executable, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from engine.database.statements import Query, R, Statement
from engine.database.transaction import Parameters, Transaction, completed, fetched
from engine.errors import SettingsError
from engine.private_files import ensure_private, make_private_folder, tighten

T = TypeVar("T")
P = ParamSpec("P")
Work = Callable[Concatenate[Transaction, P], Coroutine[Any, Any, T]]  # what one transaction does; it may run again
FollowUp = Callable[[Transaction], Coroutine[Any, Any, None]]  # work that another room adds to a transaction
COLLISION_WORDS = ("deadlock", "could not serialize", "connection was closed")
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
    """Runs whole transactions: changing the thread or task for each statement would cost more than the statement."""

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
        self._backend: Backend = _SQLite(parsed, durable) if self.dialect == "sqlite" else _PostgreSQL(parsed)

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
        return await self._backend.read(lambda connection: fetched(connection, query, parameters))

    @overload
    async def first(self, query: Query[R], parameters: Parameters | None = None) -> R | None: ...

    @overload
    async def first(self, query: Executable, parameters: Parameters | None = None) -> Any | None: ...

    async def first(self, query: Query[Any] | Executable, parameters: Parameters | None = None) -> Any | None:
        """Return the first row of a query, None if there is none."""
        return next(iter(await self.fetch(query, parameters)), None)

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work(transaction, *args)`; after a collision the work is run again, up to MAX_TRIES times."""

        def run(connection: Connection) -> T:
            return completed(work(Transaction(connection, self.clock()), *args, **kwargs))

        return await self.on_connection(run)

    async def on_connection(self, work: Callable[[Connection], T]) -> T:
        """Run `work` as `write` does, on a connection of SQLAlchemy: for migrations and for tests."""
        for attempt in range(1, MAX_TRIES + 1):
            try:
                return await self._backend.write(work)
            except DBAPIError as error:
                if attempt == MAX_TRIES or not _collision(error):
                    raise
                await asyncio.sleep(0.02 * attempt)
        raise AssertionError("unreachable")

    async def close(self) -> None:
        await self._backend.close()


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


def _ensure_files(file: Path) -> None:
    """Create folder and file with access for their owner alone; SQLite gives -wal and -shm the mode of the file."""
    try:
        make_private_folder(file.parent)
        ensure_private(file)
    except OSError as error:
        raise SettingsError(f"no way to the database of ANTAR_DATABASE_URL: {file}: {error.strerror}") from error
    for suffix in ("-wal", "-shm"):
        tighten(file.with_name(file.name + suffix))


class _PostgreSQL:
    """Transactions through asyncpg; the work runs in a greenlet of the event loop."""

    def __init__(self, url: URL) -> None:
        url = url.set(drivername="postgresql+asyncpg")
        self._engine = create_async_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True)

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()


class _SQLite:
    """Transactions through the standard library's driver; one thread writes, a few others read."""

    READERS = 4

    def __init__(self, url: URL, durable: bool) -> None:
        if url.database and url.database != ":memory:":
            _ensure_files(Path(url.database))
        self._writer = _engine(url, "BEGIN IMMEDIATE", durable)
        self._reader = _engine(url, "BEGIN", durable)
        self._writing = ThreadPoolExecutor(1, "antar-write")
        self._reading = ThreadPoolExecutor(self.READERS, "antar-read")

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reading, _transact, self._reader, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writing, _transact, self._writer, work)

    async def close(self) -> None:
        for engine, threads in ((self._writer, self._writing), (self._reader, self._reading)):
            await asyncio.to_thread(threads.shutdown)
            engine.dispose()


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


def _engine(url: URL, begin: str, durable: bool) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        pool_size=_SQLite.READERS,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves; the driver would send it too late
        for pragma in (
            "journal_mode=WAL",
            "busy_timeout=15000",
            "foreign_keys=ON",
            f"synchronous={'FULL' if durable else 'NORMAL'}",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
