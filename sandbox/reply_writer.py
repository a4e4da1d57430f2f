"""Sends an answer: complete, slow, inflated, cut short, or not at all."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from sandbox.clock import Clock
from sandbox.faults import Scenario
from sandbox.messages import SandboxAnswer
from sandbox.wire import NoWire, wire_of

CHUNK = 64 * 1024


class ClientGone(Exception):
    """Raised when the client closes the connection while the answer is being held back."""


class ReplyWriter:
    """Writes the reply to one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
        self._receive = receive
        self._send = send
        self._clock = clock
        self.wire = wire_of(scope)

    async def send(self, answer: SandboxAnswer) -> None:
        """Send an answer unchanged."""
        await self._start(answer, len(answer.body))
        await self._send({"type": "http.response.body", "body": answer.body})

    async def send_struck(self, answer: SandboxAnswer, fault: Scenario) -> str:
        """Send an answer as the fault demands. Return the way it ended, for the log."""
        if fault.ending == "hang":
            return await self._hang(fault.hold)
        if fault.ending != "answer" and not fault.reset_at:
            return await self._cut(fault)
        if fault.endless and isinstance(self.wire, NoWire):
            raise ValueError("an endless body needs a socket")
        try:
            await self._send_body(answer, fault)
        except ClientGone:
            return "client gone"
        return str(answer.status) if fault.ending == "answer" else await self._cut(fault)

    async def cut_off(self) -> None:
        """Reset the connection at once."""
        self.wire.reset()
        await self._until_gone(None)

    async def _start(self, answer: SandboxAnswer, length: int | None) -> None:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers]
        headers.append((b"date", self._clock.date_header()))
        if answer.body or length:
            headers.append((b"content-type", answer.media.encode()))
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})

    async def _send_body(self, answer: SandboxAnswer, fault: Scenario) -> None:
        if fault.gzip:
            answer.headers.append(("content-encoding", "gzip"))
        swollen = fault.gzip or fault.pad or fault.endless
        await self._start(answer, None if swollen else len(answer.body))
        gone = asyncio.ensure_future(self._until_gone(None))
        left = fault.reset_at if fault.ending != "answer" else None
        try:
            async for piece in _paced(_pieces(answer.body, fault), fault.rate, gone):
                piece = piece if left is None else piece[:left]
                left = None if left is None else left - len(piece)
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                if left == 0:
                    return await self.wire.flushed()
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    async def _hang(self, seconds: float) -> str:
        if await self._until_gone(seconds):
            return "client gone"
        self.wire.close()
        await self._until_gone(None)
        return "closed"

    async def _cut(self, fault: Scenario) -> str:
        if fault.ending == "reset":
            self.wire.reset()
        else:
            self.wire.close()
        await self._until_gone(None)
        return fault.ending

    async def _until_gone(self, seconds: float | None) -> bool:
        """Wait for the end of the connection, at most `seconds`. Return True if it ended."""
        try:
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True


async def _pieces(body: bytes, fault: Scenario) -> AsyncIterator[bytes]:
    squeeze = zlib.compressobj(wbits=31) if fault.gzip else None
    blank = b" " * CHUNK
    left = fault.pad
    while left > 0 or fault.endless:
        piece = blank if fault.endless else blank[: min(left, CHUNK)]
        left -= len(piece)
        if out := squeeze.compress(piece) if squeeze else piece:
            yield out
    yield squeeze.compress(body) + squeeze.flush() if squeeze else body


async def _paced(pieces: AsyncIterator[bytes], rate: int, gone: asyncio.Future[bool]) -> AsyncIterator[bytes]:
    """Pass the pieces on at `rate` bytes a second. Raises ClientGone when the client has gone."""
    step = max(1, rate // 20) if rate else CHUNK
    async for piece in pieces:
        for start in range(0, len(piece), step):
            part = piece[start : start + step]
            if rate:
                await asyncio.wait({gone}, timeout=len(part) / rate)
            else:
                await asyncio.sleep(0)  # sending to a client that has gone never waits: yield, so that `gone` is set
            if gone.done():
                raise ClientGone
            yield part
