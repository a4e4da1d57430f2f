"""HTTP clients with persistent connections, in their own small process so that only the server is measured."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import uvloop

from adapters.wire.contract import Origin, Request, header_block
from adapters.wire.own import LeanWire

LIMIT = 1 << 20


def post(address: str, path: str, headers: dict[str, str], bodies: Sequence[bytes], clients: int) -> float:
    """Return the seconds until `clients` connections have posted all bodies one after another; all must be accepted."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as aside:
        return aside.submit(_run, address, path, headers, bodies, clients).result()


def _run(address: str, path: str, headers: dict[str, str], bodies: Sequence[bytes], clients: int) -> float:
    return uvloop.run(_post(address, path, headers, bodies, clients))


async def _post(address: str, path: str, headers: dict[str, str], bodies: Sequence[bytes], clients: int) -> float:
    wire, origin, block = LeanWire(), Origin.of(address), header_block(headers.items())
    left = iter(bodies)

    async def client() -> None:
        for body in left:
            answer = await wire.exchange(Request(origin, "POST", path.encode(), block, body, 5.0, 30.0, LIMIT))
            assert answer.status in (200, 202), answer

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - started
    await wire.close()
    return seconds
