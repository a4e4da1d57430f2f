"""Real connection faults: a uvicorn protocol whose requests can reset or close their own connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "antar.wire"
_LINGER_ZERO = struct.pack("ii", 1, 0)


class Wire:
    """The connection below one request."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    async def flushed(self) -> None:
        """Wait until everything written has been passed to the kernel."""
        # A transport has no event for an empty buffer; a millisecond is short enough.
        while self._transport.get_write_buffer_size() and not self._transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    def reset(self) -> None:
        """Send a TCP RST: with a linger time of zero the kernel resets on close."""
        connection = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self._transport.abort()

    def close(self) -> None:
        """Close the connection cleanly (FIN)."""
        self._transport.close()


class NoWire:
    """Used when the application runs without a socket: faults of the connection raise."""

    async def flushed(self) -> None:
        return None

    def reset(self) -> None:
        raise ConnectionResetError("the sandbox reset the connection")

    def close(self) -> None:
        raise ConnectionAbortedError("the sandbox closed the connection")


class FaultyProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol; the scope of every request carries a `Wire`."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = {EXTENSION: Wire(self.transport)}


def wire_of(scope: Scope) -> Wire | NoWire:
    """Return the connection of a request, or a NoWire without a socket."""
    wire: Wire | None = scope.get("extensions", {}).get(EXTENSION)
    return wire if wire is not None else NoWire()
