"""Wire on httpx's transport: used if a proxy is set, and in tests with httpx.MockTransport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx

from adapters.wire.contract import Request, Response, check_request_line
from adapters.wire.decoding import decode


class HttpxWire:
    """Makes exchanges with an httpx client, of which only the transport and the proxies are used."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def exchange(self, request: Request) -> Response:
        """Send a request and return its answer; raises httpx.TransportError."""
        check_request_line(request)
        async with _deadline(request) as trace:
            answer = await self._client.send(_translate(request, trace), stream=True, follow_redirects=False)
            try:
                body, cut = await read_raw(answer, request.body_limit)
            finally:
                await answer.aclose()
        headers: dict[bytes, bytes] = {}
        for name, value in answer.headers.raw:
            key = name.lower()
            headers[key] = headers[key] + b", " + value if key in headers else value
        body, inflated_cut = decode(body, headers.get(b"content-encoding", b""), request.body_limit)
        return Response(answer.status_code, headers, body, cut or inflated_cut)

    async def close(self) -> None:
        await self._client.aclose()


@asynccontextmanager
async def _deadline(request: Request) -> AsyncIterator[Any]:
    """Limit the total time, which httpx does not; the time counts from the trace event that the request is sent."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(request.connect + request.total) as watch:

            async def trace(event: str, info: object) -> None:
                if event.endswith("send_request_headers.started"):
                    watch.reschedule(loop.time() + request.total)

            yield trace
    except TimeoutError as error:
        raise httpx.ReadTimeout("no complete answer in time") from error


def _translate(request: Request, trace: Any) -> httpx.Request:
    origin = request.origin
    lines = (origin.host_line + request.headers).split(b"\r\n")[:-1]
    return httpx.Request(
        request.method,
        httpx.URL(
            scheme="https" if origin.tls else "http", host=origin.host, port=origin.port, raw_path=request.target
        ),
        headers=[(name, value) for name, _, value in (line.partition(b": ") for line in lines)],
        content=request.body,
        extensions={
            "timeout": httpx.Timeout(request.total, connect=request.connect).as_dict(),
            "trace": trace,
        },
    )


async def read_raw(answer: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """Return the raw body and whether it was cut: httpx's own readers would decode it without a limit."""
    body = bytearray()
    async for chunk in cast(httpx.AsyncByteStream, answer.stream):
        body += chunk
        if len(body) > limit:
            del body[limit:]
            return bytes(body), True
    return bytes(body), False
