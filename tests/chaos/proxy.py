"""A proxy that can be cut: forwards bytes between a client and a server until told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

PORTS = {"http": 80, "postgresql": 5432, "redis": 6379, "amqp": 5672}


class Proxy:
    """Listens on a loopback port for one server; use only from the event loop that opened it."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.cut_off = False  # new connections are closed at once
        self.held = asyncio.Event()  # set when a request was kept back
        self._marker, self._pass = b"", 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and reset all open connections."""
        if self._server is not None:
            self._server.close()
        self.cut()
        self._server = None

    def cut(self) -> None:
        """Reset every connection; new ones are still accepted."""
        for writer in list(self._open):
            writer.transport.abort()

    def hold(self, marker: bytes, pass_: int) -> None:
        """Forward `pass_` bytes of the next piece that begins with `marker`, and nothing more on its connection."""
        self._marker, self._pass = marker, pass_
        self.held.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut_off:
            writer.transport.abort()
            return
        try:
            there, here = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, here}
        if self._server is None:  # stopped meanwhile
            self.cut()
        try:
            await asyncio.gather(self._copy(reader, here, up=True), self._copy(there, writer, up=False))
        finally:
            for stream in (writer, here):
                stream.transport.abort()
                self._open.discard(stream)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        try:
            while data := await reader.read(65536):
                if up and self._marker and data.startswith(self._marker):
                    self._marker = b""
                    writer.write(data[: self._pass])
                    self.held.set()
                    await reader.read(-1)  # until the client has gone
                    return
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:  # a reset is passed on
            writer.transport.abort()


@asynccontextmanager
async def proxy(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Yield a running proxy in front of the server of `url`, and the URL that leads through it."""
    parts = urlsplit(url)
    between = Proxy(parts.hostname or "127.0.0.1", parts.port or PORTS[parts.scheme])
    await between.start()
    user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    try:
        yield between, parts._replace(netloc=f"{user}127.0.0.1:{between.port}").geturl()
    finally:
        await between.stop()
