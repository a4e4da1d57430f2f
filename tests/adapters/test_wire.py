"""Guarantees of both wires, against real servers on the loopback interface."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from pathlib import Path

import httpx
import pytest

from adapters.wire.contract import HeaderBlock, Origin, Wire, bytes_left, header_block
from bench.mount import WireTransport
from tests.adapters.certificates import make_certificate
from tests.adapters.servers import OK, Line, answering, answering_once, ask, serving, silent

pytestmark = pytest.mark.anyio
LIMIT = 5 * 1024 * 1024


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run with both event loops: the workers use uvloop where it is available."""
    return "asyncio", {"use_uvloop": request.param}


async def test_a_request_goes_out_as_it_was_built(wire: Wire) -> None:
    async with serving(answering(b"HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi")) as server:
        response = await wire.exchange(ask(server, "POST"))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert (response.status, response.body, response.header(b"x-a")) == (201, b"hi", "b")
    assert head.startswith(b"POST /x?a=1 HTTP/1.1\r\n")
    assert head.lower().count(b"host: 127.0.0.1:") == 1
    assert b"accept-encoding" not in head.lower()
    assert body == b'{"a": 1}'


async def test_a_refused_connection_has_sent_nothing(wire: Wire) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(httpx.ConnectError) as caught:
            await wire.exchange(ask(address, "POST"))
    assert not bytes_left(caught.value)


async def test_an_unknown_host_has_sent_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_such_host(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.BaseEventLoop):
        pytest.skip("uvloop resolves names out of reach of Python")
    monkeypatch.setattr(loop, "getaddrinfo", no_such_host)
    with pytest.raises(httpx.ConnectError) as caught:
        await wire.exchange(ask("http://upstream.invalid", "POST"))
    assert not bytes_left(caught.value)


async def test_a_host_name_that_is_none_has_sent_nothing(wire: Wire) -> None:
    with pytest.raises(httpx.ConnectError):
        await wire.exchange(ask(f"http://{'a' * 64}.invalid", "POST"))


async def test_tls_with_a_trusted_certificate_works(wire: Wire, certificate: Path) -> None:
    async with serving(answering(OK), certificate) as server:
        first, second = [await wire.exchange(ask(server)) for _ in range(2)]
    assert (first.body, second.body, server.connections) == (b"ok", b"ok", 1)


@pytest.mark.parametrize(("host", "days"), [("localhost", 2), ("localhost", -1), ("elsewhere.example", 2)])
async def test_a_certificate_that_proves_nothing_ends_it_before_a_byte_is_sent(
    wire: Wire, tmp_path: Path, host: str, days: int
) -> None:
    async with serving(answering(OK), make_certificate(tmp_path, host, days)) as server:
        with pytest.raises(httpx.ConnectError, match=r"(?i)certificate") as caught:
            await wire.exchange(ask(server, "POST"))
    assert (server.requests, bytes_left(caught.value)) == ([], False)


async def test_no_connection_in_time_has_sent_nothing(wire: Wire) -> None:
    async with serving(silent) as server:  # it never begins the TLS handshake
        secure = server.address.replace("http:", "https:")
        with pytest.raises(httpx.ConnectTimeout) as caught:
            await wire.exchange(ask(secure, "POST", connect=0.1))
    assert not bytes_left(caught.value)


async def test_no_answer_in_time_may_have_arrived(wire: Wire) -> None:
    async with serving(silent) as server:
        with pytest.raises(httpx.ReadTimeout) as caught:
            await wire.exchange(ask(server, "POST", total=0.1))
    assert (len(server.requests), bytes_left(caught.value)) == (1, True)


async def test_a_request_that_nobody_reads_ends_in_time(wire: Wire) -> None:
    async def deaf(line: Line) -> None:
        await asyncio.Event().wait()

    async with serving(deaf) as server:
        with pytest.raises(httpx.TimeoutException) as caught:
            await wire.exchange(ask(server, "POST", total=0.1, body=b"x" * 30_000_000))
    assert bytes_left(caught.value)


async def test_a_slow_body_ends_at_the_deadline_of_the_whole(wire: Wire) -> None:
    async def drip(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        while True:
            await line.send(b".")
            await asyncio.sleep(0.02)

    async with serving(drip) as server:
        with pytest.raises(httpx.ReadTimeout):
            await wire.exchange(ask(server, total=0.2))


@pytest.mark.parametrize(
    "before",
    [b"", b"HTTP/1.1 20", b"HTTP/1.1 201 Created\r\n", b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{"],
)
@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_connection_cut_after_the_request_may_have_arrived(wire: Wire, before: bytes, how: str) -> None:
    async def cut(line: Line) -> None:
        await line.request()
        await line.send(before)
        if how == "reset":
            line.reset()

    async with serving(cut) as server:
        with pytest.raises(httpx.TransportError) as caught:
            await wire.exchange(ask(server, "POST"))
    assert (server.connections, len(server.requests), bytes_left(caught.value)) == (1, 1, True)


async def test_a_cut_chunked_body_is_no_answer(wire: Wire) -> None:
    piece = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with serving(answering_once(piece)) as server:
        with pytest.raises(httpx.TransportError):
            await wire.exchange(ask(server, "POST"))


async def test_a_body_of_50_mb_is_cut_and_read_no_further(wire: Wire) -> None:
    sent = 0

    async def flood(line: Line) -> None:
        nonlocal sent
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        while sent < 50_000_000:
            await line.send(b"x" * 100_000)
            sent += 100_000

    async with serving(flood) as server:
        response = await wire.exchange(ask(server))
        await server.ended.wait()
    assert (response.cut, len(response.body)) == (True, LIMIT)
    assert sent < 25_000_000


async def test_a_body_of_just_the_limit_is_whole(wire: Wire) -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678")) as server:
        response = await wire.exchange(ask(server, body_limit=8))
    assert (response.cut, response.body) == (False, b"12345678")


async def test_a_chunked_body_is_put_together(wire: Wire) -> None:
    pieces = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"lo\r\n1;x=y\r\n!\r\n0\r\nT: v\r\n\r\n",
    ]
    async with serving(answering(*pieces)) as server:
        answers = [await wire.exchange(ask(server)) for _ in range(3)]
    assert [answer.body for answer in answers] == [b"hello!"] * 3
    assert server.connections == 1


async def test_a_body_may_end_with_the_connection(wire: Wire) -> None:
    async with serving(answering_once(b"HTTP/1.1 200 OK\r\n\r\n", b"to the", b" end")) as server:
        response = await wire.exchange(ask(server))
    assert (response.status, response.body) == (200, b"to the end")


async def test_a_half_closed_connection_gives_its_answer_and_is_not_used_again(wire: Wire) -> None:
    async def half_close(line: Line) -> None:
        await line.request()
        await line.send(OK)
        line.writer.write_eof()
        await line.reader.read()

    async with serving(half_close) as server:
        assert (await wire.exchange(ask(server))).body == b"ok"
        await server.ended.wait()
        assert (await wire.exchange(ask(server))).body == b"ok"
    assert server.connections == 2


async def test_a_cancelled_exchange_costs_the_connection(wire: Wire) -> None:
    async with serving(silent) as server:
        task = asyncio.create_task(wire.exchange(ask(server)))
        await server.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_connections_are_kept_and_used_again(wire: Wire) -> None:
    async with serving(answering(OK)) as server:
        for _ in range(5):
            await wire.exchange(ask(server, "POST"))
        await asyncio.gather(*(wire.exchange(ask(server, "POST")) for _ in range(20)))
    assert len(server.requests) == 25
    assert server.connections <= 20


@pytest.mark.parametrize("closing", [b"HTTP/1.1 200 OK\r\nConnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
async def test_a_connection_that_is_to_be_closed_is_not_used_again(wire: Wire, closing: bytes) -> None:
    async with serving(answering(closing + b"Content-Length: 0\r\n\r\n")) as server:
        for _ in range(2):
            await wire.exchange(ask(server))
    assert server.connections == 2


async def test_a_connection_that_the_server_closed_while_idle_is_dropped(wire: Wire) -> None:
    async with serving(answering_once(OK)) as server:
        for _ in range(3):
            assert (await wire.exchange(ask(server, "POST"))).body == b"ok"
            await server.ended.wait()
            await asyncio.sleep(0.01)  # the end of the connection travels
    assert len(server.requests) == 3


async def test_interim_answers_are_passed_over(wire: Wire) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with serving(answering(interim, OK)) as server:
        answers = [await wire.exchange(ask(server, "POST")) for _ in range(2)]
    assert [(answer.status, answer.body, answer.header(b"link")) for answer in answers] == [(200, b"ok", "")] * 2


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        ("POST", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"),
    ],
)
async def test_answers_without_a_body_are_not_waited_for(wire: Wire, method: str, head: bytes) -> None:
    async with serving(answering(head)) as server:
        answers = [await wire.exchange(ask(server, method)) for _ in range(2)]
    assert [answer.body for answer in answers] == [b"", b""]


async def test_a_redirect_is_an_answer_like_any_other(wire: Wire) -> None:
    async with serving(
        answering(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.0.1/\r\nContent-Length: 0\r\n\r\n")
    ) as server:
        response = await wire.exchange(ask(server))
    assert (response.status, response.header(b"location")) == (302, "http://169.254.0.1/")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 1_000_000,
        b"HTTP/1.1 200 OK\r\n" + b"X-Filler: x\r\n" * 100_000,
    ],
)
async def test_what_is_not_an_http_answer_fails(wire: Wire, nonsense: bytes) -> None:
    async with serving(answering(nonsense)) as server:
        with pytest.raises(httpx.TransportError) as caught:
            await wire.exchange(ask(server, "POST", total=2))
    assert bytes_left(caught.value)
    assert not isinstance(caught.value, httpx.TimeoutException)


def raw_deflate(plain: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(plain) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)]
)
async def test_an_encoded_body_is_decoded(wire: Wire, encoding: str, pack: object) -> None:
    body = pack(b'{"a": 1}')  # type: ignore[operator]
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    async with serving(answering(head.encode() + body)) as server:
        assert (await wire.exchange(ask(server))).body == b'{"a": 1}'


async def test_a_gzip_bomb_is_cut(wire: Wire) -> None:
    body = gzip.compress(b"0" * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    async with serving(answering(head.encode() + body)) as server:
        response = await wire.exchange(ask(server))
    assert (response.cut, len(response.body)) == (True, LIMIT)


async def test_a_body_that_is_not_what_it_claims_comes_as_it_is(wire: Wire) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n"
    async with serving(answering(head + b"{}")) as server:
        assert (await wire.exchange(ask(server))).body == b"{}"


@pytest.mark.parametrize("target", [b"x", b"", b"/a b", b"/a\r\nX: y", b"/a\x00", b"/\xc3\xa9", b"/a#b"])
async def test_a_target_that_would_break_out_is_refused(wire: Wire, target: bytes) -> None:
    async with serving(answering(OK)) as server:
        with pytest.raises(httpx.LocalProtocolError) as caught:
            await wire.exchange(ask(server, target=target))
    assert (server.connections, bytes_left(caught.value)) == (0, False)


@pytest.mark.parametrize("method", ["", "GET ", "GET\r\nX:", "G=T"])
async def test_a_method_that_would_break_out_is_refused(wire: Wire, method: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        await wire.exchange(ask("http://127.0.0.1:1", method))


@pytest.mark.parametrize(
    "header", [("X", "a\r\nY: b"), ("X\r\nY", "b"), ("X", "a\x00"), ("X", "a "), ("", "b"), ("X:", "b")]
)
def test_a_header_that_would_break_out_is_refused(header: tuple[str, str]) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        header_block([header])


@pytest.mark.parametrize("address", ["ftp://a", "file:///etc/passwd", "127.0.0.1:80", "http://", "//a"])
def test_an_address_that_is_no_http_origin_is_refused(address: str) -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        Origin.of(address)


def test_an_origin_knows_its_port_and_host_line() -> None:
    secure, named = Origin.of("https://api.example"), Origin.of("http://[::1]:8100/x")
    assert (secure.port, secure.host_line) == (443, b"Host: api.example\r\n")
    assert (named.host, named.port, named.host_line) == ("::1", 8100, b"Host: [::1]:8100\r\n")


async def test_many_exchanges_at_once_get_their_own_answers(wire: Wire) -> None:
    async def echo(line: Line) -> None:
        while True:
            body = (await line.request()).partition(b"\r\n\r\n")[2]
            await asyncio.sleep(0)
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    bodies = [b"%d" % number for number in range(60)]
    async with serving(echo) as server:
        answers = await asyncio.gather(*(wire.exchange(ask(server, "POST", body=body)) for body in bodies))
    assert [answer.body for answer in answers] == bodies


async def test_a_wire_carries_an_httpx_client(wire: Wire) -> None:
    packed = gzip.compress(b'{"a": 1}')
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\nX-A: b\r\n\r\n"
    async with (
        serving(answering(head.encode() + packed)) as server,
        httpx.AsyncClient(transport=WireTransport(wire), base_url=server.address) as client,
    ):
        answer = await client.post("/x", params={"q": "é"}, json={"b": 2}, headers={"X-C": "d"})
    assert (answer.json(), answer.headers["x-a"]) == ({"a": 1}, "b")
    assert server.requests[0].startswith(b"POST /x?q=%C3%A9 HTTP/1.1\r\n")
    assert b"x-c: d\r\n" in server.requests[0].lower()
    assert server.requests[0].endswith(b'{"b":2}')


async def test_a_cut_answer_is_an_error_to_an_httpx_client(wire: Wire) -> None:
    async with serving(answering(OK)) as server, httpx.AsyncClient(transport=WireTransport(wire, 1)) as client:
        with pytest.raises(httpx.ReadError):
            await client.get(server.address)


async def test_header_names_may_be_empty_handed_and_repeated(wire: Wire) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Empty:\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(head)) as server:
        response = await wire.exchange(ask(server, headers=HeaderBlock(b"")))
    assert (response.header(b"x-empty"), response.header(b"x-a")) == ("", "1, 2")
