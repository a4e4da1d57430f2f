"""Our own wire: HTTP/1.1 on asyncio and httptools, at a fraction of the cost of httpx's pool."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from functools import cache

import httpx

from adapters.wire.contract import Origin, Request, Response, check_request_line
from adapters.wire.pool import Pool

# Shorter than the 5 s after which common servers (uvicorn, Node, Apache) close an idle connection: a request on a
# connection that is being closed may or may not arrive.
IDLE_SECONDS = 4.0

TICK_SECONDS = 0.1  # pause between two checks of the deadlines: one timer for all exchanges

CLOSING_ROUNDS = 20  # of the event loop


class LeanWire:
    """Keeps a pool for each origin and one timer for all deadlines."""

    def __init__(
        self,
        context: ssl.SSLContext | None = None,
        *,
        connections: int = 512,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = verifying(context or tls_context())
        self._connections = connections
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._pools: dict[Origin, Pool] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def exchange(self, request: Request) -> Response:
        """Send a request and return its answer; raises httpx.TransportError."""
        check_request_line(request)
        pool = self._pools.get(request.origin) or self._new_pool(request.origin)
        connection = await pool.acquire(request)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._sweep)
        return await connection.exchange(request)

    async def close(self) -> None:
        """Abort all connections, with the exchanges on them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in [connection for pool in self._pools.values() for connection in pool.connections]:
            connection.abort()
        for _ in range(CLOSING_ROUNDS):  # the loop closes sockets in its next rounds, TLS needs a few more
            if any(pool.connections for pool in self._pools.values()):
                await asyncio.sleep(0)

    def _new_pool(self, origin: Origin) -> Pool:
        pool = Pool(origin, self._context, self._connections, self._idle_seconds, self._clock)
        self._pools[origin] = pool
        return pool

    def _sweep(self) -> None:
        for pool in self._pools.values():
            pool.sweep()
        self._timer = None
        if any(pool.connections for pool in self._pools.values()):
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._sweep)


@cache
def tls_context() -> ssl.SSLContext:
    """Return the context that trusts the certificate authorities of httpx; it takes some 15 ms to read them."""
    return httpx.create_ssl_context()


def verifying(context: ssl.SSLContext) -> ssl.SSLContext:
    """Return the context if it verifies certificates and host names; raises ValueError otherwise."""
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise ValueError("TLS certificates and host names are always verified")
    return context
