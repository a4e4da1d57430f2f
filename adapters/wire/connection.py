"""HTTP/1.1 connection on asyncio: writes a request and parses its answer with httptools."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools
import httpx

from adapters.wire.contract import Request, Response
from adapters.wire.decoding import decode

MAX_HEAD_BYTES = 64 * 1024  # bytes in a row that are not part of a body: headers, 1xx answers, trailers

NEVER = float("inf")


class ConnectionOwner(Protocol):
    """Owner of a connection, notified when the connection is free again or lost."""

    def released(self, connection: WireConnection) -> None: ...

    def lost(self, connection: WireConnection) -> None: ...


class WireConnection(asyncio.Protocol):
    """Carries one exchange at a time; anything unexpected closes it."""

    __slots__ = (
        "_body",
        "_bytes_without_body",
        "_clock",
        "_complete",
        "_cut",
        "_extra_message",
        "_head_done",
        "_headers",
        "_informational",
        "_keep_alive",
        "_limit",
        "_method",
        "_owner",
        "_parser",
        "_status",
        "_transport",
        "_waiter",
        "deadline",
        "idle_since",
        "open",
    )

    def __init__(self, owner: ConnectionOwner, clock: Callable[[], float]) -> None:
        self._owner = owner
        self._clock = clock
        self._waiter: asyncio.Future[Response] | None = None
        self._bytes_without_body = 0
        self.deadline = NEVER
        self.idle_since = clock()
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass
        self._parser = httptools.HttpResponseParser(self)
        self.open = True

    async def exchange(self, request: Request) -> Response:
        """Write the request and wait for its answer. A cancelled exchange closes the connection."""
        if not self.open:
            raise httpx.ConnectError("the connection was closed before it was used")
        waiter: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        self._method = request.method
        self._limit = request.body_limit
        self._complete = self._head_done = False
        self._bytes_without_body = 0
        self.deadline = self._clock() + request.total
        self._transport.write(_serialise(request))
        try:
            return await waiter
        except asyncio.CancelledError:
            if self._waiter is waiter:  # otherwise the answer came first, and the connection may be in use again
                self._settle()
                self.abort()
            raise

    def abort(self) -> None:
        """Close at once without writing the rest; the owner is notified by `lost`."""
        self.open = False
        self._transport.abort()

    def expire(self) -> None:
        """Fail the exchange: its deadline has passed."""
        if self._transport.get_write_buffer_size():
            self._fail(httpx.WriteTimeout("the request could not be written in time"))
        else:
            self._fail(httpx.ReadTimeout("no complete answer in time"))

    # Callbacks of asyncio

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            return self.abort()  # data without a request
        self._bytes_without_body += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._complete:
                return self._fail(httpx.RemoteProtocolError(f"not an HTTP answer: {error}"))
            self._keep_alive = False
        if self._complete:
            self._finish()
        elif self._bytes_without_body > MAX_HEAD_BYTES:
            self._fail(httpx.RemoteProtocolError(f"more than {MAX_HEAD_BYTES} bytes of header"))

    def eof_received(self) -> None:
        self.open = False
        if self._waiter is None:
            self.abort()  # asyncio would wait until the rest of the request is written
        elif self._head_done and self._ends_with_the_connection():
            self._finish()
        else:
            self._fail(httpx.RemoteProtocolError("the server closed the connection before its answer was complete"))

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        if self._waiter is not None:
            self._fail(httpx.ReadError(str(error) or "the connection was cut"))
        del self._parser  # breaks the reference cycle
        self._owner.lost(self)

    # Callbacks of httptools

    def on_message_begin(self) -> None:
        if self._complete:
            self._extra_message = True
            return
        self._headers: dict[bytes, bytes] = {}
        self._body = bytearray()
        self._complete = self._cut = self._extra_message = False
        self._head_done = self._informational = self._keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head_done:
            return  # a trailer
        name = name.lower()
        earlier = self._headers.get(name)
        self._headers[name] = value if earlier is None else earlier + b", " + value

    def on_headers_complete(self) -> None:
        if self._complete:
            return
        self._status = self._parser.get_status_code()
        self._informational = self._status < 200
        self._head_done = not self._informational
        if self._head_done and self._method == "HEAD":
            self._complete = True  # llhttp would wait for the announced body, which HEAD never has
            self._keep_alive = False

    def on_body(self, chunk: bytes) -> None:
        if self._complete:
            return
        self._bytes_without_body = 0
        self._body += chunk
        if len(self._body) > self._limit:
            del self._body[self._limit :]
            self._cut = True
            self._complete = True
            self._keep_alive = False

    def on_message_complete(self) -> None:
        if self._informational or self._complete:
            return
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()  # only valid in this callback

    # Private

    def _ends_with_the_connection(self) -> bool:
        return b"content-length" not in self._headers and b"transfer-encoding" not in self._headers

    def _finish(self) -> None:
        waiter = self._settle()
        body, cut = bytes(self._body), self._cut
        self._body = bytearray()  # so that an idle connection keeps no large answer in memory
        if b"content-encoding" in self._headers:
            body, inflated_cut = decode(body, self._headers[b"content-encoding"], self._limit)
            cut = cut or inflated_cut
        response = Response(self._status, self._headers, body, cut)
        reusable = self._keep_alive and not self._extra_message and not self._transport.get_write_buffer_size()
        if not reusable:
            self.abort()
        elif self.open:
            self.idle_since = self._clock()
            self._owner.released(self)
        if waiter is not None and not waiter.done():
            waiter.set_result(response)

    def _fail(self, error: httpx.TransportError) -> None:
        waiter = self._settle()
        self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def _settle(self) -> asyncio.Future[Response] | None:
        waiter, self._waiter = self._waiter, None
        self.deadline = NEVER
        return waiter


def _serialise(request: Request) -> bytes:
    start = b"%b %b HTTP/1.1\r\n%b%b" % (
        request.method.encode(),
        request.target,
        request.origin.host_line,
        request.headers,
    )
    if request.body is None and request.method in {"GET", "HEAD", "DELETE"}:
        return start + b"\r\n"
    body = request.body or b""
    return b"%bContent-Length: %d\r\n\r\n%b" % (start, len(body), body)
