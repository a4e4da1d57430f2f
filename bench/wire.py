"""Requests per second and CPU per request of the lean wire and of httpx, against a loopback server in its own process.

`python -m bench.wire [requests] [in flight]`; POST of 2.5 kB, answered at once with the same size.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import httptools
import httpx
import uvloop

from adapters.wire.contract import Origin, Request, header_block
from adapters.wire.httpx_wire import HttpxWire
from adapters.wire.own import LeanWire
from bench.mount import WireTransport

BODY = b'{"filler": "' + b"x" * 2480 + b'"}'
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
ROUNDS = 5
Post = Callable[[], Awaitable[object]]


class Echo(asyncio.Protocol):
    """Answers each request with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(ANSWER)  # type: ignore[attr-defined]


def serve(pipe: Connection) -> None:
    """Send the port through the pipe, then answer for ever."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=2048)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


async def measure(post: Post, requests: int, in_flight: int) -> tuple[float, float]:
    """Return requests per second, and microseconds of CPU per request."""
    left = iter(range(requests))

    async def sender() -> None:
        for _ in left:
            await post()

    started, cpu = time.perf_counter(), cpu_seconds()
    await asyncio.gather(*(sender() for _ in range(in_flight)))
    return requests / (time.perf_counter() - started), (cpu_seconds() - cpu) / requests * 1e6


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def compare(port: int, requests: int, in_flight: int) -> None:
    address = f"http://127.0.0.1:{port}"
    headers = {"Content-Type": "application/json", "Authorization": "Bearer 0123456789012345678901234567"}
    request = Request(Origin.of(address), "POST", b"/x", header_block(headers.items()), BODY, 5.0, 30.0, 1 << 20)
    lean, limits = LeanWire(), httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with (
        httpx.AsyncClient(transport=WireTransport(lean), base_url=address, headers=headers) as mounted,
        httpx.AsyncClient(limits=limits, base_url=address, headers=headers) as plain,
    ):
        stock = HttpxWire(plain)
        candidates: dict[str, tuple[Post, int]] = {
            "lean wire": (lambda: lean.exchange(request), requests),
            "httpx client on the lean wire": (lambda: mounted.post("/x", content=BODY), requests // 5),
            "stock wire (httpx transport)": (lambda: stock.exchange(request), requests // 20),
            "httpx client, default": (lambda: plain.post("/x", content=BODY), requests // 20),
        }
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
        for _ in range(ROUNDS):
            for name, (post, count) in candidates.items():
                seen[name].append(await measure(post, count, in_flight))
        report(seen)
        await lean.close()


def report(seen: dict[str, list[tuple[float, float]]]) -> None:
    """Print medians, and the ratio to httpx's default taken in the same round."""
    base = seen["httpx client, default"]
    for name, figures in seen.items():
        speed, cpu = (statistics.median(figure[index] for figure in figures) for index in (0, 1))
        ratio = statistics.median(own[0] / other[0] for own, other in zip(figures, base, strict=True))
        print(f"{name:32} {speed:10,.0f} /s {cpu:9.1f} us CPU {ratio:7.1f} x httpx")


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 40_000
    in_flight = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    uvloop.run(compare(ours.recv(), requests, in_flight))
    server.terminate()


if __name__ == "__main__":
    main()
