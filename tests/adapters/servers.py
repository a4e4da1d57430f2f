"""Loopback servers, each with one fault of a bad connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from adapters.wire.contract import Origin, Request, header_block

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Server:
    """A test server that keeps what it received."""

    address: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """A connection is over."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """A request was read."""


@dataclass
class Line:
    """One connection, as the server's script uses it."""

    server: Server
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> bytes:
        """Return the next request; raises IncompleteReadError when the client has closed."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        body = await self.reader.readexactly(length)
        self.server.requests.append(head + body)
        self.server.arrived.set()
        return head + body

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    def reset(self) -> None:
        """Close so that the client sees a reset."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Line], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(script: Script, certificate: Path | None = None) -> AsyncIterator[Server]:
    """Yield a server on a free loopback port, which runs the script for each connection."""
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await script(Line(server, reader, writer))
        writer.close()
        server.ended.set()

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context) as listener:
        scheme, host = ("https", "localhost") if context else ("http", "127.0.0.1")
        server.address = f"{scheme}://{host}:{listener.sockets[0].getsockname()[1]}"
        yield server
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(*pieces: bytes) -> Script:
    """Return a script that answers every request of a connection with the same bytes."""

    async def script(line: Line) -> None:
        while True:
            await line.request()
            await line.send(*pieces)

    return script


def answering_once(*pieces: bytes) -> Script:
    """Return a script that answers one request and closes the connection."""

    async def script(line: Line) -> None:
        await line.request()
        await line.send(*pieces)

    return script


async def silent(line: Line) -> None:
    """Read, and never answer."""
    while True:
        await line.request()


def ask(server: Server | str, method: str = "GET", **changes: object) -> Request:
    """Send a small request to the server."""
    address = server if isinstance(server, str) else server.address
    values: dict[str, object] = {
        "origin": Origin.of(address),
        "method": method,
        "target": b"/x?a=1",
        "headers": header_block([("Accept", "application/json")]),
        "body": b'{"a": 1}' if method in {"POST", "PUT"} else None,
        "connect": 5.0,
        "total": 5.0,
        "body_limit": 5 * 1024 * 1024,
    }
    return Request(**(values | changes))  # type: ignore[arg-type]
