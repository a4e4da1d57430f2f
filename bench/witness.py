"""A fake upstream in its own process that records the requests it sees; its behaviour is set per path."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import httptools
import uvloop


@dataclass(slots=True)
class SeenRequest:
    """One request as the upstream sees it. Times are epoch seconds; `end` is when it was answered or given up."""

    path: str
    who: str
    id: str
    method: str
    begin: float
    end: float = 0.0


@dataclass(frozen=True, slots=True)
class Manner:
    """Behaviour for requests below a path: an answer after `latency` seconds, or never (None)."""

    status: int = 201
    latency: float | None = 0.0


class _Conversation(asyncio.Protocol):
    """One connection; one request at a time on it."""

    manners: dict[str, Manner]
    seen: list[SeenRequest]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.open: SeenRequest | None = None

    def connection_lost(self, error: Exception | None) -> None:
        if self.open is not None:
            self.open.end = time.time()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.url = self.body = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        path = self.url.decode().split("/")[1].partition("?")[0]
        content: dict[str, Any] = json.loads(self.body) if self.body else {}
        method = self.parser.get_method().decode()
        self.open = SeenRequest(path, content.get("who", ""), content.get("id", ""), method, time.time())
        self.seen.append(self.open)
        manner = self.manners.get(path, Manner())
        if manner.latency is not None:
            asyncio.get_running_loop().call_later(manner.latency, self._answer, manner.status, len(self.seen))

    def _answer(self, status: int, number: int) -> None:
        if self.open is None or self.transport.is_closing():
            return
        self.open.end, self.open = time.time(), None
        body = b'{"id":"%020d","found":[]}' % number
        head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        self.transport.write(head + body)  # type: ignore[attr-defined]


def _serve(pipe: Connection) -> None:
    _Conversation.manners, _Conversation.seen = {}, []

    def hear() -> None:
        while True:
            path, manner = pipe.recv()
            if manner is None:
                pipe.send([request for request in list(_Conversation.seen) if request.path == path])
            else:
                _Conversation.manners[path] = manner

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Conversation, "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        threading.Thread(target=hear, daemon=True).start()  # uvloop's readers do not block, a pipe must
        await server.serve_forever()

    uvloop.run(run())


class RequestWitness:
    """Sets the upstream's behaviour and returns the requests it has seen; all by path."""

    def __init__(self, address: str, pipe: Connection) -> None:
        self.address = address
        self._pipe = pipe

    def behave(self, path: str, manner: Manner) -> None:
        self._pipe.send((path, manner))

    def seen(self, path: str) -> list[SeenRequest]:
        """Return all requests so far, in order of arrival."""
        self._pipe.send((path, None))
        requests: list[SeenRequest] = self._pipe.recv()
        return requests


@contextmanager
def witness() -> Iterator[RequestWitness]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield RequestWitness(f"http://127.0.0.1:{ours.recv()}", ours)
    finally:
        process.kill()
        process.join()


def most_in_flight(seen: list[SeenRequest], first: float, last: float) -> tuple[int, float]:
    """Return the maximum of concurrent requests between two moments (epoch seconds), and their mean."""
    steps = sorted([(request.begin, 1) for request in seen] + [(request.end or last, -1) for request in seen])
    now, most, area, before = 0, 0, 0.0, first
    for at, step in steps:
        if first <= at <= last:
            area += now * (at - before)
            before = at
        now += step
        if first <= at <= last:
            most = max(most, now)
    return most, (area + now * (last - before)) / (last - first)


def windows(seen: list[SeenRequest], first: float, last: float, seconds: float) -> tuple[int, int]:
    """Return the fewest and the most requests that began in any window of `seconds` between two moments."""
    begins = sorted(request.begin for request in seen)
    starts = [first + n * 0.05 for n in range(int((last - first - seconds) / 0.05) + 1)]
    counts = [sum(start <= begin < start + seconds for begin in begins) for start in starts]
    return min(counts), max(counts)
