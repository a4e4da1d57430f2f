"""The connections to one origin: last in, first out, so that the busy stay warm and the rest expire."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable

import httpx

from adapters.wire.connection import Connection
from adapters.wire.contract import Origin, Request


class Pool:
    """Hands out connections, opens new ones up to a limit, lets the rest queue."""

    def __init__(
        self, origin: Origin, context: ssl.SSLContext, size: int, idle_seconds: float, clock: Callable[[], float]
    ) -> None:
        self.connections: set[Connection] = set()
        self._origin = origin
        self._context = context
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._size = size
        self._idle: deque[Connection] = deque()
        self._opening = 0
        self._queue: deque[asyncio.Future[Connection | None]] = deque()

    async def acquire(self, request: Request) -> Connection:
        """An open connection; raises httpx.PoolTimeout, ConnectTimeout or ConnectError."""
        while True:
            connection = self._pop_idle()
            if connection is None and not self._has_room():
                connection = await self._wait_in_line(request.total)
            elif connection is None:
                self._opening += 1
            if connection is None:
                return await self._open(request.connect)
            if connection.open:
                return connection

    def sweep(self) -> None:
        """End what is past its deadline, and what nobody has used for long."""
        now = self._clock()
        for connection in list(self.connections):
            if connection.deadline < now:
                connection.expire()
        stale = now - self._idle_seconds
        while self._idle and (self._idle[0].idle_since < stale or not self._idle[0].open):
            self._idle.popleft().abort()

    def released(self, connection: Connection) -> None:
        waiter = self._next_in_line()
        if waiter is None:
            self._idle.append(connection)
        else:
            waiter.set_result(connection)

    def lost(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._admit()

    def _pop_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.open and self._clock() - connection.idle_since < self._idle_seconds:
                return connection
            connection.abort()
        return None

    async def _open(self, seconds: float) -> Connection:
        """Open the connection that `_opening` counts already."""
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect()
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {seconds:g} s") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that is none
            raise httpx.ConnectError(str(error) or type(error).__name__) from error
        else:
            if connection.open:
                self.connections.add(connection)
            return connection
        finally:
            self._opening -= 1
            self._admit()

    async def _connect(self) -> Connection:
        """Only what is returned is ours: uvloop never tells the end of a connection whose making was cancelled."""
        origin = self._origin
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self, self._clock),
            origin.host,
            origin.port,
            ssl=self._context if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )
        return connection

    async def _wait_in_line(self, seconds: float) -> Connection | None:
        """A connection that became free, or None: a free slot to open one in."""
        place: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(seconds):
                return await place
        except BaseException as error:
            if place.done() and not place.cancelled():
                self._pass_on(place.result())
            if isinstance(error, TimeoutError):
                raise httpx.PoolTimeout(f"no free connection within {seconds:g} s") from error
            raise

    def _pass_on(self, connection: Connection | None) -> None:
        if connection is None:
            self._opening -= 1
            self._admit()
        elif connection.open:
            self.released(connection)

    def _has_room(self) -> bool:
        return len(self.connections) + self._opening < self._size

    def _admit(self) -> None:
        """Let the next in line open a connection, if there is room."""
        if self._has_room() and (waiter := self._next_in_line()):
            self._opening += 1
            waiter.set_result(None)

    def _next_in_line(self) -> asyncio.Future[Connection | None] | None:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                return waiter
        return None
