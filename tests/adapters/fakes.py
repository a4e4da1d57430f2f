"""Wire without a network, and the other parts that tests of upstreams need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from adapters.base import Account, Call
from adapters.wire.contract import Request, Response

Responder = Callable[[Request], Response | Exception]


class FakeWire:
    """A wire that answers with the responder's result and keeps the requests."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self.requests: list[Request] = []

    async def exchange(self, request: Request) -> Response:
        self.requests.append(request)
        await asyncio.sleep(0)
        answer = self._responder(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        pass


class Clock:
    """Epoch seconds that a test advances, and a sleep that takes no time."""

    def __init__(self, now: float = 1_773_104_400.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def answer(
    status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None, cut: bool = False
) -> Response:
    """Return a response; a body that is not bytes or text is sent as JSON."""
    lines = {name.lower().encode(): value.encode() for name, value in (headers or {}).items()}
    if isinstance(body, str):
        body = body.encode()
    elif body is None:
        body = b""
    elif not isinstance(body, bytes):
        body = orjson.dumps(body)
        lines.setdefault(b"content-type", b"application/json")
    return Response(status, lines, body, cut)


ACCOUNT = Account(
    1,
    "https://upstream.example",
    {"client_id": "id-1", "client_secret": "s3cret", "organization_id": "100099001"},
)
POST = Call("POST", "/Thing", body=b'{"a": 1}')
GET = Call("GET", "/Thing/1")
PUT = Call("PUT", "/Thing/1", body=b'{"a": 1}')
