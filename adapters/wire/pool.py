"""Connection pool of one origin: last in, first out, so that busy connections stay open and the rest expire."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable

import httpx

from adapters.wire.connection import WireConnection
from adapters.wire.contract import Origin, Request


class Pool:
    """Lends connections to requests, opens new ones up to a limit, and queues further requests."""

    def __init__(
        self, origin: Origin, context: ssl.SSLContext, size: int, idle_seconds: float, clock: Callable[[], float]
    ) -> None:
        self.connections: set[WireConnection] = set()
        self._origin = origin
        self._context = context
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._size = size
        self._idle: deque[WireConnection] = deque()
        self._opening = 0
        self._queue: deque[asyncio.Future[WireConnection | None]] = deque()

    async def acquire(self, request: Request) -> WireConnection:
        """Return an open connection; raises httpx.PoolTimeout, ConnectTimeout or ConnectError."""
        while True:
            connection = self._pop_idle()
            if connection is None and not self._has_room():
                connection = await self._wait_for_connection(request.total)
            elif connection is None:
                self._opening += 1
            if connection is None:
                return await self._open(request.connect)
            if connection.open:
                return connection

    def sweep(self) -> None:
        """Close connections that are past their deadline or have been idle for too long."""
        now = self._clock()
        for connection in list(self.connections):
            if connection.deadline < now:
                connection.expire()
        stale = now - self._idle_seconds
        while self._idle and (self._idle[0].idle_since < stale or not self._idle[0].open):
            self._idle.popleft().abort()

    def released(self, connection: WireConnection) -> None:
        waiter = self._next_waiter() if self._queue else None
        if waiter is None:
            self._idle.append(connection)
        else:
            waiter.set_result(connection)

    def lost(self, connection: WireConnection) -> None:
        self.connections.discard(connection)
        self._admit()

    def _pop_idle(self) -> WireConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.open and self._clock() - connection.idle_since < self._idle_seconds:
                return connection
            connection.abort()
        return None

    async def _open(self, seconds: float) -> WireConnection:
        """Open a connection, which `_opening` already counts."""
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect()
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {seconds:g} s") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: an invalid host name
            raise httpx.ConnectError(str(error) or type(error).__name__) from error
        else:
            if connection.open:
                self.connections.add(connection)
            return connection
        finally:
            self._opening -= 1
            self._admit()

    async def _connect(self) -> WireConnection:
        """Connect; a connection counts only once returned: uvloop never reports the end of a cancelled connect."""
        origin = self._origin
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: WireConnection(self, self._clock),
            origin.host,
            origin.port,
            ssl=self._context if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )
        return connection

    async def _wait_for_connection(self, seconds: float) -> WireConnection | None:
        """Return a connection that became free, or None: a connection may be opened."""
        waiter: asyncio.Future[WireConnection | None] = asyncio.get_running_loop().create_future()
        self._queue.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self._pass_on(waiter.result())
            if isinstance(error, TimeoutError):
                raise httpx.PoolTimeout(f"no free connection within {seconds:g} s") from error
            raise

    def _pass_on(self, connection: WireConnection | None) -> None:
        if connection is None:
            self._opening -= 1
            self._admit()
        elif connection.open:
            self.released(connection)

    def _has_room(self) -> bool:
        return len(self.connections) + self._opening < self._size

    def _admit(self) -> None:
        """Let the next waiter open a connection, if the limit allows."""
        if self._has_room() and (waiter := self._next_waiter()):
            self._opening += 1
            waiter.set_result(None)

    def _next_waiter(self) -> asyncio.Future[WireConnection | None] | None:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                return waiter
        return None
