"""SQLite through the standard library's driver; one thread writes, a few others read."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event

from engine.database.statements import R, Statement
from engine.database.transaction import Driver, Parameters, SqlalchemyDriver, completed, fetched
from engine.errors import SettingsError
from engine.private_files import ensure_private, make_private_folder, tighten

T = TypeVar("T")
WAL_TRIES = 50
WAL_PAUSE_SECONDS = 0.05


def _ensure_files(file: Path) -> None:
    """Create folder and file with access for their owner alone; SQLite gives -wal and -shm the mode of the file."""
    try:
        make_private_folder(file.parent)
        ensure_private(file)
    except OSError as error:
        raise SettingsError(f"no way to the database of ANTAR_DATABASE_URL: {file}: {error.strerror}") from error
    for suffix in ("-wal", "-shm"):
        tighten(file.with_name(file.name + suffix))


class SQLite:
    """A file, or a database in memory. Whole transactions change the thread: for each statement it would cost more."""

    READERS = 4

    def __init__(self, url: URL, durable: bool) -> None:
        if url.database and url.database != ":memory:":
            _ensure_files(Path(url.database))
        self._writer = _engine(url, "BEGIN IMMEDIATE", durable)
        self._reader = _engine(url, "BEGIN", durable)
        self._writing = ThreadPoolExecutor(1, "antar-write")
        self._reading = ThreadPoolExecutor(self.READERS, "antar-read")

    async def fetch(self, query: Statement[R], parameters: Parameters) -> list[R]:
        """Return the rows of one statement."""
        return await self.read(lambda connection: fetched(connection, query, parameters))

    async def transact(self, work: Callable[[Driver], Coroutine[Any, Any, T]]) -> T:
        """Run `work` in a transaction."""
        return await self.write(lambda connection: completed(work(SqlalchemyDriver(connection))))

    async def single(self, work: Callable[[Driver], Coroutine[Any, Any, T]]) -> T:
        """Run `work`, which is one statement."""
        return await self.transact(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` with a connection of SQLAlchemy."""
        return await asyncio.get_running_loop().run_in_executor(self._reading, _transact, self._reader, work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of SQLAlchemy."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, _transact, self._writer, work)

    async def close(self) -> None:
        """End the threads and close all connections."""
        for engine, threads in ((self._writer, self._writing), (self._reader, self._reading)):
            await asyncio.to_thread(threads.shutdown)
            engine.dispose()


def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


def _engine(url: URL, begin: str, durable: bool) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        pool_size=SQLite.READERS,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves; the driver would send it too late
        for pragma in (
            "busy_timeout=15000",
            "foreign_keys=ON",
            f"synchronous={'FULL' if durable else 'NORMAL'}",
            "cache_size=-65536",
            "temp_store=MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _use_wal(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _use_wal(connection: Any) -> None:
    """Switch the file to WAL, which fails at once, without waiting, while another process does so."""
    for _ in range(WAL_TRIES):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            time.sleep(WAL_PAUSE_SECONDS)
    connection.execute("PRAGMA journal_mode=WAL")
