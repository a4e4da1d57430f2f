"""PostgreSQL: textual statements go straight to asyncpg, queries of models through SQLAlchemy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from engine.database.statements import R, Statement
from engine.database.transaction import Driver, Parameters, insert_command

T = TypeVar("T")
MAX_CONNECTIONS = 20  # of statements; models have as many of their own
WAIT_SECONDS = 30.0  # for a free connection
PREPARED_STATEMENTS = 1024  # that a connection keeps; the project has fewer
DIALECT = make_url("postgresql+asyncpg://").get_dialect()()
OF_SQLALCHEMY = ("prepared_statement_cache_size", "prepared_statement_name_func")  # settings of a URL
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# Errors of asyncpg as those of SQLAlchemy, which the callers know from both databases.
KINDS: tuple[tuple[type[Exception], type[DBAPIError]], ...] = (
    (asyncpg.IntegrityConstraintViolationError, IntegrityError),
    (asyncpg.DataError, DataError),
    (asyncpg.SyntaxOrAccessError, ProgrammingError),
    (asyncpg.InterfaceError, InterfaceError),
)


class PostgreSQL:
    """A pool of asyncpg's connections for statements, and an engine of SQLAlchemy for models.

    A transaction of one small statement costs a third of one through SQLAlchemy. Connections are not tested before use:
    what meets a dead one is run again by the caller.
    """

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+asyncpg")
        self._engine = create_async_engine(
            self._url, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True
        )
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def fetch(self, query: Statement[R], parameters: Parameters) -> list[R]:
        """Return the rows of one statement."""
        return await self.single(lambda driver: driver.fetch(query, parameters))

    async def single(self, work: Callable[[Driver], Coroutine[Any, Any, T]]) -> T:
        """Run `work`, which is one statement, without BEGIN and COMMIT: they take twice as long as it."""
        return await self._on_connection(lambda connection: work(AsyncpgDriver(connection)))

    async def transact(self, work: Callable[[Driver], Coroutine[Any, Any, T]]) -> T:
        """Run `work` in a transaction."""

        async def run(connection: asyncpg.Connection[asyncpg.Record]) -> T:
            async with connection.transaction():
                return await work(AsyncpgDriver(connection))

        return await self._on_connection(run)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` with a connection of SQLAlchemy."""
        return await self.write(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of SQLAlchemy, in a greenlet of the event loop."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            await self._pool.close()
        await self._engine.dispose()

    async def _on_connection(self, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """Run `work` with a connection of the pool; raises DBAPIError for errors of the server or the driver."""
        try:
            pool = self._pool or await self._open()
            connection = await pool.acquire(timeout=WAIT_SECONDS)
        except ERRORS as error:
            raise _translated(error, dead=False) from None
        try:
            return await work(connection)
        except ERRORS as error:
            raise _translated(error, dead=_is_dead(connection)) from None
        finally:
            await pool.release(connection)

    async def _open(self) -> asyncpg.Pool[asyncpg.Record]:
        async with self._opening:
            if self._pool is None:
                _, options = DIALECT.create_connect_args(self._url)
                self._pool = await asyncpg.create_pool(
                    min_size=0,
                    max_size=MAX_CONNECTIONS,
                    statement_cache_size=PREPARED_STATEMENTS,
                    max_cached_statement_lifetime=0,
                    init=_compile_nothing,
                    reset=_leave,
                    **{name: value for name, value in options.items() if name not in OF_SQLALCHEMY},
                )
            return self._pool


async def _compile_nothing(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Turn off compilation to machine code: it would take some 20 ms for a statement that runs in less than one."""
    await connection.execute("SET jit = off")


async def _leave(connection: object) -> None:
    """Leave a connection as it is: a transaction changes nothing that outlasts it, and asyncpg ends it by itself."""


class AsyncpgDriver:
    """Executes textual statements on a connection of asyncpg."""

    dialect = "postgresql"

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection

    async def fetch(self, query: Statement[R], parameters: Parameters) -> list[R]:
        sql, names = numbered(query)
        bound = query.bound(parameters)
        return query.made(await self._connection.fetch(sql, *[bound[name] for name in names]))

    async def execute(self, statement: Statement[Any], parameters: Parameters | Sequence[Parameters]) -> int:
        sql, names = numbered(statement)
        if isinstance(parameters, Mapping):
            bound = statement.bound(parameters)
            return _changed(await self._connection.execute(sql, *[bound[name] for name in names]))
        await self._connection.executemany(sql, [[row[name] for name in names] for row in parameters])
        return len(parameters)

    async def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], *, absent: bool = False
    ) -> None:
        await self._connection.executemany(insert_command(self.dialect, table, columns, absent), rows)


@cache
def numbered(statement: Statement[Any]) -> tuple[str, Sequence[str]]:
    """Return the text of a statement with its parameters as `$1`, and their names in that order."""
    compiled = statement.executable("postgresql").compile(dialect=DIALECT)
    return str(compiled), compiled.positiontup or ()


def _changed(status: str) -> int:
    """Return the number of rows in the status of a command: "UPDATE 3", "INSERT 0 1"."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdecimal() else 0


def _is_dead(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool has dropped the connection when it was lost
        return True


class _ServerError(Exception):
    """An error of server or driver: what it says, without the values that PostgreSQL adds as its detail."""

    def __init__(self, words: str, sqlstate: str | None) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate


def _translated(error: Exception, *, dead: bool) -> DBAPIError:
    kind = next((kind for cause, kind in KINDS if isinstance(error, cause)), DBAPIError)
    words = str(error.args[0]) if error.args else ""
    orig = _ServerError(words, getattr(error, "sqlstate", None))
    return kind(None, None, orig, hide_parameters=True, connection_invalidated=dead)
