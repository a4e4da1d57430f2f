"""Outbound guard: judges every spelling of an address by its destination, and connects only to that."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from adapters.clinic_webhook import ClinicSystem, NotTaken, tell
from adapters.messages import message
from adapters.notifications import telegram
from adapters.notifications.contract import MAX_ANSWER_BYTES, Destination, NotDelivered, Notification
from adapters.notifications.deliver import deliver
from adapters.outbound import guard
from adapters.outbound.guard import (
    MAX_ADDRESSES,
    AddressFault,
    AddressRefused,
    allowed_addresses,
    check_host,
    check_url,
    open_socket,
)
from adapters.outbound.http import GuardedTransport, guarded_client, post
from adapters.outbound.networks import OPERATOR, Network, Policy
from tests.adapters.certificates import make_certificate
from tests.adapters.servers import Line, Script, answering, answering_once, serving

pytestmark = pytest.mark.anyio

PUBLIC = Policy(Network.PUBLIC, "ANTAR_ALERT_NETWORKS")
PRIVATE = Policy(Network.PRIVATE, "ANTAR_WEBHOOK_NETWORKS")
LOOPBACK = Policy(Network.LOOPBACK, "ANTAR_WEBHOOK_NETWORKS")
LETTER = Notification("Antar: uji", "uji")

SPELLINGS = {
    Network.PUBLIC: (
        "93.184.215.14", "1572395790", "0x5db8d70e", "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]",
        "[::ffff:93.184.215.14]", "[64:ff9b::93.184.215.14]", "[2002:5db8:d70e::1]",
    ),
    Network.PRIVATE: (
        "192.168.1.5", "10.0.0.1", "172.31.255.255", "3232235781", "0xC0A80105", "0300.0250.1.5", "10.1", "100.64.0.1",
        "[::ffff:192.168.1.5]", "[::192.168.1.5]", "[::ffff:0:192.168.1.5]", "[64:ff9b::10.0.0.1]",
        "[2002:c0a8:105::1]", "[fd12:3456::1]", "192.168.1.5.",
    ),
    Network.LOOPBACK: (
        "127.0.0.1", "127.8.8.8", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "localhost", "LOCALHOST.", "127.0.0.1.",
    ),
    Network.REFUSED: (
        "169.254.169.254", "2852039166", "0xA9FEA9FE", "0251.0376.0251.0376", "169.254.43518", "169.254.1.1",
        "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[::169.254.169.254]", "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "192.0.0.192", "metadata.google.internal",
        "METADATA.google.internal.", "0.0.0.0", "0", "0.1.2.3", "[::]", "[::ffff:0.0.0.0]", "[fe80::1]", "[fec0::1]",
        "224.0.0.1", "239.255.255.250", "[ff02::1]", "240.0.0.1", "255.255.255.255", "198.18.0.1", "203.0.113.9",
        "[2001:db8::1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[64:ff9b:1::1]", "[4000::1]",
    ),
}  # fmt: skip
TABLE = [(network, host) for network, hosts in SPELLINGS.items() for host in hosts]
POLICIES = (PUBLIC, PRIVATE, LOOPBACK)
OURSELVES = (
    "127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "localhost",
    "0.0.0.0", "[::]",
)  # fmt: skip


def refusal(policy: Policy, way: str, host: str) -> str:
    """Words for a host of OURSELVES; httpx cannot read an octal one."""
    return message("address.unreadable") if host.startswith("0177") and way == "webhook" else policy.refusal


class NameServer:
    """A name server that gives its answers one after the other, and repeats the last one."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.widest.name)
@pytest.mark.parametrize(("network", "host"), TABLE)
def test_every_spelling_is_judged_by_where_it_leads(network: Network, host: str, policy: Policy) -> None:
    if network <= policy.widest:
        check_host(host.strip("[]"), policy)
        return
    with pytest.raises(AddressRefused) as refused:
        check_host(host.strip("[]"), policy)
    assert (refused.value.fault, str(refused.value)) == (AddressFault.NETWORK, policy.refusal)
    with pytest.raises(AddressRefused):  # httpx cannot read some spellings, which is as well
        check_url(f"http://{host}:8443/hook?a=b", policy)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://his", AddressFault.SCHEME), ("file:///etc/passwd", AddressFault.SCHEME),
        ("his.klinik", AddressFault.SCHEME), ("http://", AddressFault.SCHEME),
        ("http://u:p@his/", AddressFault.USERINFO), ("http://u@10.0.0.1/", AddressFault.USERINFO),
        ("http://his:99999/", AddressFault.UNREADABLE), ("https://[::1", AddressFault.UNREADABLE),
        ("http://a b/", AddressFault.UNREADABLE), ("http://his/\x00", AddressFault.UNREADABLE),
        ("http://[fe80::1%25eth0]/", AddressFault.UNREADABLE),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_refused_for_its_form(url: str, fault: AddressFault) -> None:
    with pytest.raises(AddressRefused) as refused:
        check_url(url, LOOPBACK)
    assert refused.value.fault == fault


async def test_a_name_with_several_addresses_passes_only_with_all_of_them() -> None:
    good, bad = "93.184.215.14", "169.254.169.254"
    assert [str(a) for a in await allowed_addresses("x", 80, PUBLIC, NameServer([good, "::ffff:8.8.8.8"]))] == [
        good,
        "8.8.8.8",
    ]
    for answers in ([good, bad], [bad, good], [good, "fe80::1%eth0"], [f"8.8.{n}.8" for n in range(MAX_ADDRESSES + 1)]):
        with pytest.raises(AddressRefused, match=r"address\.only_public"):
            await allowed_addresses("x", 80, PUBLIC, NameServer(answers))
    with pytest.raises(AddressRefused, match=r"address\.unknown"):
        await allowed_addresses("x", 80, PUBLIC, NameServer([]))


async def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "RESOLVE_SECONDS", 0.01)

    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(AddressRefused, match=r"address\.unknown"):
        await allowed_addresses("his.klinik", 80, PUBLIC, never)


async def test_a_name_that_leads_elsewhere_a_moment_later_is_connected_to_what_was_judged() -> None:
    reached: list[httpx.Request] = []
    inner = httpx.MockTransport(lambda request: reached.append(request) or httpx.Response(200))
    names = NameServer(["93.184.215.14"], ["127.0.0.1"])
    transport = GuardedTransport(PUBLIC, names, inner)
    async with httpx.AsyncClient(transport=transport) as client:
        await client.post("https://his.klinik:8443/x")
        with pytest.raises(AddressRefused):
            await client.post("https://his.klinik:8443/x")
    [request] = reached
    assert (request.url.host, request.url.port, request.headers["host"]) == ("93.184.215.14", 8443, "his.klinik:8443")
    assert request.extensions["sni_hostname"] == "his.klinik"
    assert names.asked == ["his.klinik"] * 2


async def test_the_next_address_of_a_name_is_tried_when_one_does_not_answer() -> None:
    async with serving(answering_once(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        port = httpx.URL(server.address).port
        transport = GuardedTransport(LOOPBACK, NameServer(["::1", "127.0.0.1"]))
        async with httpx.AsyncClient(transport=transport) as client:
            assert (await client.post(f"http://his.klinik:{port}/")).status_code == 204
    assert f"host: his.klinik:{port}".encode() in server.requests[0].lower()


async def test_the_certificate_is_checked_against_the_name(certificate: Path, tmp_path: Path) -> None:
    named = make_certificate(tmp_path, "his.klinik")
    trusting = ssl.create_default_context(cafile=str(named))
    trusting.load_verify_locations(certificate)
    for file, trusted in ((named, True), (certificate, False)):
        async with serving(answering_once(b"HTTP/1.1 204 No Content\r\n\r\n"), file) as server:
            url = f"https://his.klinik:{httpx.URL(server.address).port}/"
            inner = httpx.AsyncHTTPTransport(verify=trusting)
            async with httpx.AsyncClient(
                transport=GuardedTransport(LOOPBACK, NameServer(["127.0.0.1"]), inner)
            ) as client:
                if trusted:
                    assert (await client.post(url)).status_code == 204
                else:
                    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                        await client.post(url)


@pytest.mark.parametrize("host", OURSELVES)
@pytest.mark.parametrize("way", ["webhook", "email"])
async def test_a_listener_on_loopback_is_not_reached_by_an_alert(way: str, host: str) -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
        port = httpx.URL(server.address).port
        addresses = {"webhook": (f"http://{host}:{port}/", ""), "email": ("a@b.test", f"smtp://{host}:{port}")}
        address, secret = addresses[way]
        with pytest.raises(NotDelivered) as refused:
            await deliver(way, LETTER, Destination(address, PUBLIC, secret))
    assert (server.connections, str(refused.value)) == (0, refusal(PUBLIC, way, host))


@pytest.mark.parametrize("host", OURSELVES)
async def test_a_listener_on_loopback_is_not_reached_by_a_clinics_webhook(host: str) -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
        with pytest.raises(NotTaken) as refused:
            await tell(ClinicSystem(f"http://{host}:{httpx.URL(server.address).port}/", "x", PRIVATE), "1", {}, 0, 5.0)
    assert (server.connections, str(refused.value)) == (0, refusal(PRIVATE, "webhook", host))


async def test_the_operator_may_allow_loopback_and_names_any_mail_server() -> None:
    async with serving(answering_once(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        assert await tell(ClinicSystem(f"{server.address}/", "x", LOOPBACK), "1", {}, 0, 5.0) is None
        connection = await open_socket("127.0.0.1", httpx.URL(server.address).port or 0, OPERATOR)
        assert connection.getpeername()[0] == "127.0.0.1"
        connection.close()


async def test_a_closed_port_is_told_apart_only_where_the_address_is_allowed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(NotDelivered, match="ConnectError"):
            await deliver("webhook", LETTER, Destination(f"http://127.0.0.1:{port}/", LOOPBACK))
        with pytest.raises(NotDelivered) as refused:
            await deliver("webhook", LETTER, Destination(f"http://127.0.0.1:{port}/", PUBLIC))
    assert str(refused.value) == PUBLIC.refusal


async def test_a_redirect_is_not_followed_and_no_proxy_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as elsewhere:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, elsewhere.address)
        redirect = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.address}/\r\nContent-Length: 0\r\n\r\n"
        async with serving(answering_once(redirect.encode())) as server:
            with pytest.raises(NotDelivered, match="302"):
                await deliver("webhook", LETTER, Destination(f"{server.address}/", LOOPBACK))
    assert (server.connections, elsewhere.connections) == (1, 0)


def bomb(encoding: bytes) -> Script:
    """Answer with 700 MB of zeros, compressed to some 700 kB; the stream never ends by itself."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == b"gzip" else 15)
    begin = packer.compress(bytes(7_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(bytes(7_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: " + encoding + b"\r\nConnection: close\r\n\r\n"

    async def script(line: Line) -> None:
        await line.request()
        await line.send(head, begin, *[piece] * 99)

    return script


@pytest.fixture
def memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
@pytest.mark.parametrize("way", ["webhook", "telegram", "his"])
async def test_a_bomb_is_never_unpacked(
    way: str, encoding: bytes, memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(bomb(encoding)) as server:
        monkeypatch.setattr(telegram, "API", server.address)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        if way == "his":
            with pytest.raises(NotTaken, match=r"clinic_system\.too_long"):
                await tell(ClinicSystem(f"{server.address}/", "x", LOOPBACK), "1", {}, 0, 20.0)
        else:
            address = "-100123" if way == "telegram" else f"{server.address}/"
            await deliver(way, LETTER, Destination(address, LOOPBACK, "7:AAA"))
        _, peak = tracemalloc.get_traced_memory()
    assert peak - before < 1_000_000
    assert b"accept-encoding: identity\r\n" in server.requests[0].lower()


async def test_an_answer_is_read_up_to_its_limit_as_it_came() -> None:
    packed = zlib.compress(b"{}")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n"
    for body, cut in ((packed, False), (b"x" * (MAX_ANSWER_BYTES + 1), True)):
        async with serving(answering_once(head % len(body), body)) as server, guarded_client(LOOPBACK, 5.0) as client:
            answer = await post(client, server.address, b"", {}, MAX_ANSWER_BYTES)
        assert (answer.body, answer.cut) == (body[:MAX_ANSWER_BYTES], cut)
