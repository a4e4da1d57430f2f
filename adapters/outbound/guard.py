"""Judges addresses that people enter, first as written and again as the name server resolves them."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

import httpx

from adapters.messages import message
from adapters.outbound.networks import Address, Policy, plain

RESOLVE_SECONDS = 5.0
CONNECT_SECONDS = 5.0
MAX_ADDRESSES = 16  # a name with more addresses is refused: each address has to be judged
MAX_CONNECTS = 3  # addresses of one name that are tried in sequence
# Names with a fixed address, judged without a name server.
KNOWN_NAMES = {"localhost": "127.0.0.1", "metadata.google.internal": "169.254.169.254"}

_HOST = re.compile(r"[0-9A-Za-z_.:-]{1,253}")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Separate threads: names that people enter may hang, and the event loop's threads resolve the upstreams.
_threads = ThreadPoolExecutor(16, "antar-resolve")


class AddressFault(StrEnum):
    """Reasons for which an address is refused."""

    UNREADABLE = "unreadable"
    SCHEME = "scheme"
    USERINFO = "userinfo"
    NETWORK = "network"
    UNKNOWN = "unknown"


_WORDS = {
    AddressFault.UNREADABLE: message("address.unreadable"),
    AddressFault.SCHEME: message("address.scheme"),
    AddressFault.USERINFO: message("address.userinfo"),
    AddressFault.UNKNOWN: message("address.unknown"),
}


class AddressRefused(Exception):
    """No connection is made to the address; the message is for a person."""

    def __init__(self, fault: AddressFault, words: str = "") -> None:
        super().__init__(words or _WORDS[fault])
        self.fault = fault


def check_url(url: str | httpx.URL, policy: Policy) -> httpx.URL:
    """Return the parsed http(s) URL as the client will use it, or raise AddressRefused. No name server is asked."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressRefused(AddressFault.UNREADABLE) from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise AddressRefused(AddressFault.SCHEME)
    if parsed.userinfo:
        raise AddressRefused(AddressFault.USERINFO)
    if not _HOST.fullmatch(host_of(parsed)) or not 0 < (parsed.port or 1) < 65536:
        raise AddressRefused(AddressFault.UNREADABLE)
    check_host(host_of(parsed), policy)
    return parsed


def check_host(host: str, policy: Policy) -> None:
    """Raise AddressRefused if the host is an IP address in any spelling, or a known name, that is not allowed."""
    name = host.rstrip(".").lower()
    try:
        literals = socket.getaddrinfo(
            KNOWN_NAMES.get(name, name), None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except (OSError, UnicodeError):
        return  # a name; it is judged when it is resolved
    _judge([str(literal[4][0]) for literal in literals], policy)


def host_of(url: httpx.URL) -> str:
    """Return the host in ASCII, as it is resolved."""
    return url.raw_host.decode("ascii")


async def allowed_addresses(host: str, port: int, policy: Policy, resolve: Resolve | None = None) -> list[Address]:
    """Resolve a host once; return its addresses if every one is allowed, raise AddressRefused otherwise."""
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            resolved = await (resolve or resolve_host)(host, port)
    except (TimeoutError, OSError, UnicodeError) as error:
        raise AddressRefused(AddressFault.UNKNOWN) from error
    return _judge(resolved, policy)


async def resolve_host(host: str, port: int) -> list[str]:
    """Ask the system's resolver; raises OSError or UnicodeError."""
    return await asyncio.get_running_loop().run_in_executor(_threads, _resolve, host, port)


async def open_socket(host: str, port: int, policy: Policy, resolve: Resolve | None = None) -> socket.socket:
    """Connect to an address that was judged; raises AddressRefused or OSError."""
    failure: OSError = OSError("no address")
    for address in (await allowed_addresses(host, port, policy, resolve))[:MAX_CONNECTS]:
        try:
            return await _connect(address, port)
        except OSError as error:
            failure = error
    raise failure


async def _connect(address: Address, port: int) -> socket.socket:
    connection = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6)
    try:
        connection.setblocking(False)
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
    except BaseException:
        connection.close()
        raise
    return connection


def _resolve(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _judge(resolved: Sequence[str], policy: Policy) -> list[Address]:
    addresses = [plain(ipaddress.ip_address(text)) for text in dict.fromkeys(resolved)]
    if not addresses:
        raise AddressRefused(AddressFault.UNKNOWN)
    if len(addresses) > MAX_ADDRESSES or not all(policy.allows(address) for address in addresses):
        raise AddressRefused(AddressFault.NETWORK, policy.refusal)
    return addresses
