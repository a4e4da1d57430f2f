"""Contract of the network layer: the Request and Response of an exchange, and the Wire that makes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NewType, Protocol, Self

import httpx
from msgspec import Struct

# Header lines checked by `header_block`, each with its line end.
HeaderBlock = NewType("HeaderBlock", bytes)

_TARGET = re.compile(rb"/[!$-~]*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")

_BEFORE_THE_FIRST_BYTE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class Origin(Struct, frozen=True):
    """Destination of a connection."""

    tls: bool
    host: str
    port: int
    host_line: HeaderBlock

    @classmethod
    @lru_cache(maxsize=1024)
    def of(cls, base_url: str) -> Self:
        """Return the origin of an address; raises httpx.UnsupportedProtocol if it is not http(s)."""
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise httpx.UnsupportedProtocol(f"not an address: {base_url!r}") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise httpx.UnsupportedProtocol(f"not an http(s) address: {base_url!r}")
        tls = url.scheme == "https"
        host_line = header_block([("Host", url.netloc.decode("ascii"))])
        return cls(tls, url.raw_host.decode("ascii"), url.port or (443 if tls else 80), host_line)


class Request(Struct, frozen=True):
    """A request. Host and Content-Length are added; the path begins with a slash and is already quoted."""

    origin: Origin
    method: str
    target: bytes
    headers: HeaderBlock
    body: bytes | None
    connect: float  # seconds until the connection is open
    # Seconds from the first byte sent to the last byte received; also the longest wait for a free connection.
    total: float
    body_limit: int


class Response(Struct, frozen=True):
    """An answer. Header names are in lower case, the body is decoded (Content-Encoding)."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes
    cut: bool = False  # the body was longer than the limit; the rest was not read

    def header(self, name: bytes) -> str:
        """Return a header's value as text, empty if it is absent."""
        return self.headers.get(name, b"").decode("latin-1")


class Wire(Protocol):
    """Makes exchanges: redirects are not followed, and nothing is ever repeated.

    Raises httpx.TransportError; `bytes_left` returns whether the request may have reached the server.
    A wire belongs to the event loop on which it was first used.
    """

    async def exchange(self, request: Request) -> Response: ...

    async def close(self) -> None: ...


def header_block(headers: Iterable[tuple[str, str]]) -> HeaderBlock:
    """Return header lines to be sent; raises httpx.LocalProtocolError if a value would break out of its line."""
    lines = []
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise httpx.LocalProtocolError(f"header {name!r} holds what no header may hold")
        lines.append(f"{name}: {value}\r\n")
    return HeaderBlock("".join(lines).encode("latin-1"))


def check_request_line(request: Request) -> None:
    """Raise httpx.LocalProtocolError if method or target would break out of the request line."""
    if not _TARGET.fullmatch(request.target) or not request.method.isalpha() or not request.method.isascii():
        raise httpx.LocalProtocolError("the request line holds what no request line may hold")


def bytes_left(error: httpx.TransportError) -> bool:
    """Return whether a byte of the request may have been sent before the error."""
    return not isinstance(error, _BEFORE_THE_FIRST_BYTE)
