"""A wire under an httpx client, for rare callers that want httpx's own API."""

from __future__ import annotations

import httpx

from adapters.base import MAX_BODY_BYTES
from adapters.wire.contract import HeaderBlock, Origin, Request, Response, Wire, header_block

_OURS = {b"host", b"content-length", b"transfer-encoding", b"accept-encoding", b"connection"}
_UNDONE = {b"content-encoding", b"content-length", b"transfer-encoding"}


class WireTransport(httpx.AsyncBaseTransport):
    """`httpx.AsyncClient(transport=WireTransport(wire))`. The wire is not closed with the client."""

    def __init__(self, wire: Wire, body_limit: int = MAX_BODY_BYTES) -> None:
        self._wire = wire
        self._body_limit = body_limit

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._wire.exchange(await self._translate(request))
        if answer.cut:
            raise httpx.ReadError(f"the answer is longer than {self._body_limit} bytes", request=request)
        return httpx.Response(answer.status, headers=_headers(answer), content=answer.body)

    async def _translate(self, request: httpx.Request) -> Request:
        body = await request.aread()
        times = request.extensions.get("timeout", {})
        return Request(
            origin=Origin.of(str(request.url.copy_with(raw_path=b"/"))),
            method=request.method,
            target=request.url.raw_path,
            headers=_block(request),
            body=body or None,
            connect=times.get("connect") or 10.0,
            total=times.get("read") or 30.0,
            body_limit=self._body_limit,
        )


def _block(request: httpx.Request) -> HeaderBlock:
    lines = ((name, value) for name, value in request.headers.raw if name.lower() not in _OURS)
    return header_block((name.decode("latin-1"), value.decode("latin-1")) for name, value in lines)


def _headers(answer: Response) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in answer.headers.items() if name not in _UNDONE]
