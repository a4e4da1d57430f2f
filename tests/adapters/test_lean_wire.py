"""Guarantees of the lean wire alone: its pool, its clock, its parser."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wire.connection import WireConnection
from adapters.wire.contract import Response
from adapters.wire.httpx_wire import HttpxWire
from adapters.wire.open import open_wire
from adapters.wire.own import LeanWire
from tests.adapters.servers import OK, Line, answering, ask, serving, silent

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run with both event loops: the workers use uvloop where it is available."""
    return "asyncio", {"use_uvloop": request.param}


class Clock:
    """Seconds that a test advances."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def lean(clock: Clock) -> AsyncIterator[LeanWire]:
    wire = LeanWire(connections=2, clock=clock)
    yield wire
    await wire.close()


@pytest.mark.parametrize(("seconds", "connections"), [(3.9, 1), (4.1, 2)])
async def test_an_idle_connection_expires(lean: LeanWire, clock: Clock, seconds: float, connections: int) -> None:
    async with serving(answering(OK)) as server:
        await lean.exchange(ask(server))
        clock.now += seconds
        await lean.exchange(ask(server))
    assert server.connections == connections


async def test_an_idle_connection_is_closed_without_being_asked_for(lean: LeanWire, clock: Clock) -> None:
    async with serving(answering(OK)) as server:
        await lean.exchange(ask(server))
        clock.now += 5
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_a_deadline_is_taken_from_the_clock(lean: LeanWire, clock: Clock) -> None:
    async with serving(silent) as server:
        exchange = asyncio.create_task(lean.exchange(ask(server, total=3600.0)))
        await server.arrived.wait()
        clock.now += 3601
        with pytest.raises(httpx.ReadTimeout):
            await exchange


async def test_no_more_connections_than_allowed(lean: LeanWire) -> None:
    async with serving(answering(OK)) as server:
        answers = await asyncio.gather(*(lean.exchange(ask(server)) for _ in range(50)))
    assert [answer.body for answer in answers] == [b"ok"] * 50
    assert server.connections == 2


async def test_waiting_for_a_connection_ends_in_time_and_has_sent_nothing(lean: LeanWire) -> None:
    async with serving(silent) as server:
        busy = [asyncio.create_task(lean.exchange(ask(server))) for _ in range(2)]
        await server.arrived.wait()
        with pytest.raises(httpx.PoolTimeout):
            await lean.exchange(ask(server, total=0.05))
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


async def test_a_place_in_line_is_passed_on_when_its_holder_gives_up(lean: LeanWire) -> None:
    go = asyncio.Event()

    async def held(line: Line) -> None:
        while True:
            await line.request()
            await go.wait()
            await line.send(OK)

    async with serving(held) as server:
        tasks = [asyncio.create_task(lean.exchange(ask(server))) for _ in range(8)]
        await server.arrived.wait()
        tasks[2].cancel()
        tasks[4].cancel()
        go.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(answer, Response) for answer in answers) == 6


async def test_failures_give_their_places_back(lean: LeanWire) -> None:
    async def cut(line: Line) -> None:
        await line.request()
        line.reset()

    async with serving(cut) as server:
        answers = await asyncio.gather(*(lean.exchange(ask(server)) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(answer, httpx.TransportError) for answer in answers)
    for _ in range(5):
        with pytest.raises(httpx.ConnectError):
            await lean.exchange(ask(server))


async def test_a_cancelled_connect_gives_its_place_back(lean: LeanWire) -> None:
    async with serving(silent) as server:  # it never begins the TLS handshake
        secure = server.address.replace("http:", "https:")
        for _ in range(4):
            with pytest.raises(httpx.ConnectTimeout):
                await lean.exchange(ask(secure, connect=0.02))


async def test_bytes_that_nobody_asked_for_end_the_connection(lean: LeanWire) -> None:
    async with serving(answering(OK + b"HTTP/1.1 500 Poison\r\nContent-Length: 0\r\n\r\n")) as server:
        answers = [await lean.exchange(ask(server)) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert server.connections == 3


async def test_an_answer_before_the_whole_request_was_taken_ends_the_connection(lean: LeanWire) -> None:
    async def refuse(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()

    async with serving(refuse) as server:
        for _ in range(2):
            assert (await lean.exchange(ask(server, "POST", body=b"x" * 20_000_000))).status == 413
    assert server.connections == 2


async def test_closing_ends_what_is_under_way(lean: LeanWire) -> None:
    async with serving(silent) as server:
        exchange = asyncio.create_task(lean.exchange(ask(server)))
        await server.arrived.wait()
        await lean.close()
        with pytest.raises(httpx.ReadError):
            await exchange


def test_tls_is_never_left_unverified() -> None:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    with pytest.raises(ValueError, match="always verified"):
        LeanWire(careless)


@pytest.mark.parametrize(
    ("variable", "kind"), [("", LeanWire), ("NO_PROXY", LeanWire), ("HTTPS_PROXY", HttpxWire), ("all_proxy", HttpxWire)]
)
async def test_a_proxy_in_the_environment_calls_for_httpx(
    monkeypatch: pytest.MonkeyPatch, variable: str, kind: type
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    if variable:
        monkeypatch.setenv(variable, "http://127.0.0.1:3128")
    wire = open_wire()
    assert isinstance(wire, kind)
    await wire.close()


class Tape(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def write(self, data: object) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        pass


class Nobody:
    """An owner of connections that ignores all events."""

    def released(self, connection: WireConnection) -> None: ...
    def lost(self, connection: WireConnection) -> None: ...


ANSWER = (
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    b"HTTP/1.1 201 Created\r\nX-Empty:\r\nEtag: W/1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"
)


@given(st.sets(st.integers(1, len(ANSWER) - 1)))
def test_it_does_not_matter_how_the_bytes_are_cut(places: set[int]) -> None:
    async def play() -> Response:
        connection = WireConnection(Nobody(), Clock())
        connection.connection_made(Tape())
        exchange = asyncio.create_task(connection.exchange(ask("http://upstream.example", "POST")))
        await asyncio.sleep(0)
        for start, end in pairwise([0, *sorted(places), len(ANSWER)]):
            connection.data_received(ANSWER[start:end])
        return await exchange

    response = asyncio.run(play())
    assert (response.status, response.body, response.header(b"etag")) == (201, b"hello, world", "W/1")
    assert b"link" not in response.headers
