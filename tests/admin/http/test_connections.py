"""Connections: incomplete requests are closed, slow ones are not, and there is always room for one more."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from admin.http import connections
from admin.http.connections import (
    BODY_SECONDS,
    HEAD_SECONDS,
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    MIN_WINDOW_BYTES,
    WINDOW_SECONDS,
    ConnectionGuard,
    connections_for,
)

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10
HALF_HEAD = b"GET / HTTP/1.1\r\nHost: antar.test\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: antar.test\r\nContent-Length: 1000000\r\n\r\nname="
HALF_CHUNK = b"POST / HTTP/1.1\r\nHost: antar.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nna"
WHOLE = b"GET / HTTP/1.1\r\nHost: antar.test\r\n\r\n"


class Seconds:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def read_all(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """An application that reads the body and answers its size, or 5 MB for /large."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    answer = b"x" * 5_000_000 if scope["path"] == "/large" else str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer})


class GuardedServer:
    """A guarded server whose clock and checks the test controls."""

    def __init__(self, guard: ConnectionGuard, clock: Seconds, state: ServerState, port: int) -> None:
        self.guard, self.clock, self.state, self.port = guard, clock, state, port
        self.writers: list[asyncio.StreamWriter] = []

    async def client(self, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection and send the beginning of a request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        await self.send(writer, sent)
        return reader, writer

    async def send(self, writer: asyncio.StreamWriter, sent: bytes) -> None:
        writer.write(sent)
        await writer.drain()
        for _ in range(20):
            await asyncio.sleep(0)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)

    def pass_(self, seconds: float) -> None:
        """Let time pass, with one check per second."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + 1)
            self.guard.check(self.state.connections)


@asynccontextmanager
async def serving(max_connections: int = 100) -> AsyncIterator[GuardedServer]:
    clock = Seconds()
    guard, state = ConnectionGuard(max_connections, clock), ServerState()
    config = uvicorn.Config(read_all, log_config=None, timeout_keep_alive=3600)
    config.load()
    listening = await asyncio.get_running_loop().create_server(
        lambda: guard.protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    server = GuardedServer(guard, clock, state, listening.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        for connection in list(state.connections):
            connection.transport.abort()
        for writer in server.writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in server.writers), return_exceptions=True)
        listening.close()


async def everything(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await reader.read()
    except ConnectionResetError:
        return b""


async def answered(server: GuardedServer) -> bytes:
    """Return the answer to a whole request on a new connection."""
    reader, _ = await server.client(WHOLE)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await reader.readline()


@pytest.mark.parametrize("half", [HALF_HEAD, HALF_BODY, HALF_CHUNK, b"\r\n"])
async def test_half_a_request_is_thrown_out(half: bytes) -> None:
    async with serving() as server:
        reader, _ = await server.client(half)
        await server.until(lambda: bool(server.state.connections))
        server.pass_(max(HEAD_SECONDS, WINDOW_SECONDS) + 1)
        assert b" 408 " in await everything(reader)
        await server.until(lambda: not server.state.connections)


async def test_a_connection_that_never_says_anything_is_closed() -> None:
    async with serving() as server:
        reader, _ = await server.client(b"")
        await server.until(lambda: bool(server.state.connections))
        server.pass_(HEAD_SECONDS + 1)
        assert await everything(reader) == b""


async def test_a_head_that_trickles_is_thrown_out_although_something_always_comes() -> None:
    async with serving() as server:
        reader, writer = await server.client(HALF_HEAD)
        for _ in range(int(HEAD_SECONDS) + 1):
            await server.send(writer, b"x")
            server.pass_(1)
        assert b" 408 " in await everything(reader)


async def test_a_poor_line_may_take_its_time() -> None:
    size, piece = 20 * MIN_WINDOW_BYTES, b"x" * (MIN_WINDOW_BYTES // 8)
    async with serving() as server:
        reader, writer = await server.client(
            b"POST / HTTP/1.1\r\nHost: antar.test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
        )
        for _ in range(size // len(piece)):
            await server.send(writer, piece)
            server.pass_(2)
        assert str(size).encode() in await everything(reader)


async def test_even_a_steady_body_ends_some_time() -> None:
    async with serving() as server:
        reader, writer = await server.client(HALF_BODY.replace(b"1000000", b"100000000"))
        for _ in range(int(BODY_SECONDS // 10) + 1):
            await server.send(writer, b"x" * MIN_WINDOW_BYTES)
            server.pass_(10)
        assert b" 408 " in await everything(reader)


async def test_an_answer_that_nobody_reads_is_given_up() -> None:
    async with serving() as server:
        _, writer = await server.client(b"GET /large HTTP/1.1\r\nHost: antar.test\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await server.until(
            lambda: any(connection.transport.get_write_buffer_size() for connection in server.state.connections)  # type: ignore[union-attr]
        )
        for _ in range(3):
            server.pass_(WINDOW_SECONDS)
            await asyncio.sleep(0)
        await server.until(lambda: not server.state.connections)


async def test_a_long_computation_is_no_reason_to_close() -> None:
    async with serving() as server:
        reader, _ = await server.client(WHOLE)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert b" 200 " in await reader.readline()
        server.pass_(3 * WINDOW_SECONDS)
        assert len(server.state.connections) == 1  # uvicorn's own keep-alive timer closes it


async def test_a_head_without_end_is_refused() -> None:
    async with serving() as server:
        reader, writer = await server.client(HALF_HEAD)
        await server.send(writer, b"X-Long: " + b"x" * (2 * MAX_HEAD_BYTES))
        answer = await everything(reader)
        assert answer == b"" or b" 431 " in answer  # what it never read makes the kernel drop the answer
        assert not server.state.connections


async def test_there_is_always_room_for_one_more() -> None:
    async with serving(max_connections=5) as server:
        held = [await server.client(half) for half in (HALF_HEAD, HALF_BODY, HALF_CHUNK) * 4]
        for _ in range(3):
            assert b" 200 " in await answered(server)
        assert (len(held), len(server.state.connections)) == (12, 5)


async def test_what_is_closed_for_lack_of_room_is_told_once_a_minute() -> None:
    with capture_logs() as logs:
        async with serving(max_connections=2) as server:
            held = [await server.client(HALF_HEAD) for _ in range(6)]
            await server.until(lambda: len(server.state.connections) <= 2)
            server.pass_(connections.LOG_PAUSE_SECONDS)
            held += [await server.client(HALF_HEAD) for _ in range(6)]
            await server.until(lambda: bool(server.state.connections))
    assert [line["event"] for line in logs] == ["connections_exhausted"] * 2


async def test_running_out_of_descriptors_is_told_and_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: Any) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    async with serving() as server:
        reader, _ = await server.client(HALF_HEAD)
        await server.until(lambda: bool(server.state.connections))
        with capture_logs() as logs, monkeypatch.context() as patched:
            patched.setattr(os, "open", none_left)
            server.pass_(3)
        assert [line["event"] for line in logs] == ["descriptors_exhausted"]
        assert await everything(reader) == b""
        assert b" 200 " in await answered(server)


@pytest.mark.parametrize(
    ("descriptors", "count"), [(64, 32), (256, 128), (1024, 896), (65536, MAX_CONNECTIONS), (None, MAX_CONNECTIONS)]
)
def test_connections_leave_descriptors_for_the_rest(descriptors: int | None, count: int) -> None:
    assert connections_for(descriptors) == count
