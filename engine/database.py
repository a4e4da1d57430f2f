"""The database: one writer at a time on SQLite, transactions that are run again when they collide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

T = TypeVar("T")
COLLISIONS = ("deadlock", "database is locked", "could not serialize", "connection was closed")
TRIES = 5


def wall_clock() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Database:
    """Reading and writing on SQLite (WAL) or PostgreSQL. Its errors never show parameters: they hold patient data.

    `durable` makes SQLite flush each commit to the disk: so at the door, where a 2xx is a promise. A worker does
    without: what a power cut takes from it comes back as an expired lease.
    """

    def __init__(self, url: str, *, durable: bool = True, clock: Callable[[], int] = wall_clock) -> None:
        self._clock = clock
        self._offset = 0
        parsed = make_url(url)
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            if parsed.database and parsed.database != ":memory:":
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            parsed = parsed.set(drivername="sqlite+aiosqlite")
            self._writer = _sqlite_engine(parsed, "BEGIN IMMEDIATE", pool_size=1, durable=durable)
            self._reader = _sqlite_engine(parsed, "BEGIN", pool_size=5, durable=durable)
        else:
            parsed = parsed.set(drivername="postgresql+asyncpg")
            self._writer = create_async_engine(
                parsed, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True
            )
            self._reader = self._writer

    def clock(self) -> int:
        """Epoch milliseconds, by the database's clock once `synchronise` has run."""
        return self._clock() + self._offset

    async def synchronise(self) -> None:
        """Take over the clock of a PostgreSQL server, so that leases of several machines compare."""
        if self.dialect != "postgresql" or self._clock is not wall_clock:
            return
        async with self.read() as connection:
            seconds = (await connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))).scalar_one()
        self._offset = int(float(seconds) * 1000) - wall_clock()

    @property
    def engine(self) -> AsyncEngine:
        """For reading elsewhere (SQLAdmin)."""
        return self._reader

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        async with self._reader.begin() as connection:
            yield connection

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `work` in a transaction; a deadlock or a lock that did not come is tried again from the start."""
        for attempt in range(1, TRIES + 1):
            try:
                async with self._writer.begin() as connection:
                    return await work(connection)
            except DBAPIError as error:
                if attempt == TRIES or not _collision(error):
                    raise
                await asyncio.sleep(0.02 * attempt)
        raise AssertionError("unreachable")

    def rows(self, columns: Mapping[str, str], parameter: str) -> str:
        """A SQL subquery that turns the JSON array `:parameter` of arrays into rows; columns are name -> SQL type."""
        if self.dialect == "sqlite":
            picked = (f"json_extract(value, '$[{i}]') AS {name}" for i, name in enumerate(columns))
            return f"(SELECT {', '.join(picked)} FROM json_each(:{parameter}))"
        picked = (f"(e.value ->> {i})::{kind} AS {name}" for i, (name, kind) in enumerate(columns.items()))
        return f"(SELECT {', '.join(picked)} FROM jsonb_array_elements(CAST(:{parameter} AS jsonb)) AS e)"

    @property
    def skip_locked(self) -> str:
        """The clause that lets several workers claim side by side; SQLite has one writer anyway."""
        return "" if self.dialect == "sqlite" else "FOR UPDATE SKIP LOCKED"

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


def as_json(rows: Sequence[Sequence[Any]]) -> str:
    """The parameter that goes with Database.rows."""
    return orjson.dumps(rows).decode()


def _collision(error: DBAPIError) -> bool:
    text = str(error.orig).lower()
    return error.connection_invalidated or any(sign in text for sign in COLLISIONS)


def _sqlite_engine(url: Any, begin: str, *, pool_size: int, durable: bool) -> AsyncEngine:
    engine = create_async_engine(
        url, poolclass=AsyncAdaptedQueuePool, pool_size=pool_size, max_overflow=0, hide_parameters=True
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves; the driver's own would come too late
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "busy_timeout=15000",
            "foreign_keys=ON",
            f"synchronous={'FULL' if durable else 'NORMAL'}",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
