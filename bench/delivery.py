"""Full delivery (claim, render, check, send, settle with attempts, counters) against the bare loop of its client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from statistics import median
from tempfile import TemporaryDirectory

import uvloop

from adapters.base import Account, Call, Upstream
from bench.clinic import IN_FLIGHT, clinic, plain
from bench.cpu import cpu_seconds
from bench.options import Options
from bench.rows import Row, compared
from bench.upstream import fake_upstream


async def bare_loop(upstream: Upstream, account: Account, bodies: list[bytes]) -> float:
    """Return the seconds of a loop that only posts finished bodies with the same client."""
    left = iter(bodies)

    async def sender() -> None:
        for body in left:
            await upstream.send(Call("POST", "/Encounter", body=body), account)

    started = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - started


async def measure(
    database_url: str, broker_url: str, count: int, rounds: int
) -> tuple[list[float], list[float], list[float]]:
    """Return full and bare deliveries per second, alternating by round, and the CPU seconds of one full delivery."""
    with fake_upstream() as address:
        async with clinic(plain(database_url, broker_url, address)) as here, here.working() as worker:
            upstream, account = await here.account()
            bodies = [await here.finished_body()] * count
            full, bare, cpu = [], [], []
            for n in range(rounds):
                await here.hand_in(n * count, count)
                spent = cpu_seconds()
                full.append(count / await here.deliver(worker))
                cpu.append((cpu_seconds() - spent) / count)
                bare.append(count / await bare_loop(upstream, account, bodies))
            return full, bare, cpu


def rows(options: Options) -> Iterator[Row]:
    """Yield one row per database and broker."""
    with TemporaryDirectory() as folder:
        databases = options.databases(folder)
        settings = [("SQLite, in memory", databases["SQLite"], "memory://", 0.70)]
        for url in options.brokers if options.postgresql else ():
            settings.append((f"PostgreSQL, {url.split(':')[0]}", options.postgresql, url, 0.60))
        for name, database_url, broker_url, goal in settings:
            full, bare, cpu = uvloop.run(measure(database_url, broker_url, options.count, options.rounds))
            note = (
                f"CPU of the worker: {median(cpu) * 1e6:.0f} us per delivery; the bare loop: {median(bare):,.0f} per s"
            )
            yield compared(f"full delivery, {name}", "bare loop", full, bare, f">= {goal}", "per s", note)
