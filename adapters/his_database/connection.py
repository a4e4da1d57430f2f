"""One connection to a clinic's database: read-only snapshots, whose rows come in batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from sqlalchemy import MappingResult, NullPool, text
from sqlalchemy.exc import PendingRollbackError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from adapters.his_database.contract import CONNECT_SECONDS, Credentials, Dialect
from adapters.his_database.faults import FaultKind, HisFault
from adapters.his_database.mariadb import MariadbDialect
from adapters.his_database.postgresql import PostgresqlDialect
from adapters.his_database.sqlite import SqliteDialect
from adapters.his_database.values import plain

DIALECTS: Mapping[str, Dialect] = {
    "mariadb": MariadbDialect(),
    "postgresql": PostgresqlDialect(),
    "sqlite": SqliteDialect(),
}
BATCH_ROWS = 500
LATE_SECONDS = 5.0  # after its patience, when a query that the server has not ended is given up

Row = dict[str, Any]


class Snapshot:
    """A read-only transaction that sees the database as it was at one moment."""

    def __init__(self, connection: AsyncConnection, dialect: Dialect, patience: float) -> None:
        self._connection = connection
        self._dialect = dialect
        self._patience = patience

    async def batches(self, query: str, parameters: Mapping[str, Any]) -> AsyncIterator[list[Row]]:
        """Yield the rows of a query, BATCH_ROWS at once. Raises HisFault."""
        result = await self._execute(query, parameters)
        for rows in result.partitions(BATCH_ROWS):
            yield [plain(dict(row)) for row in rows]

    async def valued(self, query: str, parameters: Mapping[str, Any], column: str) -> list[tuple[Row, Any]]:
        """Return all rows of a query, each with the value of a column as the driver has it. Raises HisFault."""
        rows = (await self._execute(query, parameters)).all()
        if rows and column not in rows[0]:
            raise HisFault(FaultKind.COLUMN, column)
        return [(plain(dict(row)), row[column]) for row in rows]

    async def rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Return all rows of a query. Raises HisFault."""
        return [row async for batch in self.batches(query, parameters) for row in batch]

    async def _execute(self, query: str, parameters: Mapping[str, Any]) -> MappingResult:
        with faults_of(self._dialect):
            async with asyncio.timeout(self._patience + LATE_SECONDS):
                values = {name: self._dialect.parameter(value) for name, value in parameters.items()}
                return (await self._connection.execute(text(query), values)).mappings()


class HisConnection:
    """An open connection; `snapshot` begins a transaction on it."""

    def __init__(self, connection: AsyncConnection, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    @asynccontextmanager
    async def snapshot(self, patience: float) -> AsyncIterator[Snapshot]:
        """Yield a snapshot in which each query may take `patience` seconds. Raises HisFault."""
        with faults_of(self._dialect):
            await self._dialect.begin(self._connection, patience)
        try:
            yield Snapshot(self._connection, self._dialect, patience)
        finally:
            with suppress(SQLAlchemyError, OSError):  # nothing was written; a broken connection shows at its next use
                await self._connection.exec_driver_sql("ROLLBACK")


@asynccontextmanager
async def connected(system: str, credentials: Credentials) -> AsyncIterator[HisConnection]:
    """Yield the only connection that reads a clinic's database, and close it. Raises HisFault."""
    async with opened(system, credentials) as connection:
        yield HisConnection(connection, DIALECTS[system])


@asynccontextmanager
async def opened(system: str, credentials: Credentials, *, writes: bool = False) -> AsyncIterator[AsyncConnection]:
    """Yield a connection of the driver, and close it. Raises HisFault."""
    dialect = DIALECTS[system]
    try:
        engine = create_async_engine(
            dialect.url(credentials, writes=writes),
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",  # transactions are begun in words: drivers differ in when they begin one
            connect_args=dialect.arguments(credentials),
        )
    except ImportError as error:
        raise HisFault(FaultKind.DRIVER, error.name or "") from error
    except (ValueError, OSError) as error:
        raise HisFault(FaultKind.ENTRY) from error
    try:
        with faults_of(dialect):
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await engine.connect()
        try:
            yield connection
        finally:
            await connection.close()
    finally:
        await engine.dispose()


@contextmanager
def faults_of(dialect: Dialect) -> Iterator[None]:
    """Raise the driver's errors in the block as HisFault."""
    try:
        yield
    except (TimeoutError, PendingRollbackError) as error:  # the latter: the connection broke earlier, unseen
        raise HisFault(FaultKind.AWAY) from error
    except (SQLAlchemyError, OSError) as error:
        raise dialect.fault(error) from error
