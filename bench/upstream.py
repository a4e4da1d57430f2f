"""A fake upstream in its own process: stores nothing, answers each POST with an id after a fixed latency."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import httptools
import uvloop

TOKEN = b'{"access_token":"0123456789012345678901234567","expires_in":"3599"}'


class Answering(asyncio.Protocol):
    """One connection; requests on it are answered in order."""

    numbers = itertools.count(1)
    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.url = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.url = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_message_complete(self) -> None:
        if self.url.startswith(b"/oauth2"):
            self.answer(200, TOKEN)
            return
        body = b'{"resourceType":"Any","id":"%036d"}' % next(self.numbers)
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self.answer, 201, body)
        else:
            self.answer(201, body)

    def answer(self, status: int, body: bytes) -> None:
        head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        if not self.transport.is_closing():
            self.transport.write(head + body)  # type: ignore[attr-defined]


def _serve(pipe: Connection, latency: float) -> None:
    Answering.latency = latency

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


@contextmanager
def fake_upstream(latency: float = 0.0) -> Iterator[str]:
    """Yield the address of a running fake upstream."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, latency), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()
