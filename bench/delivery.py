"""Full delivery (claim, render, check, send, settle with attempts, counters) against the bare loop of its client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import uvloop

from adapters.base import Account, Call, Upstream
from bench.clinic import IN_FLIGHT, clinic, plain
from bench.cost import Cost, cost, in_words, rates
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


async def measure(database_url: str, broker_url: str, count: int, rounds: int) -> tuple[list[Cost], list[Cost]]:
    """Return the costs of full deliveries and of the bare loop, alternating by round."""
    with fake_upstream() as address:
        async with clinic(plain(database_url, broker_url, address)) as here, here.working() as worker:
            upstream, account = await here.account()
            bodies = [await here.finished_body()] * count
            database, full, bare = here.hub.database, [], []
            for n in range(rounds):
                await here.hand_in(n * count, count)
                full.append(await cost(database, count, lambda: here.deliver(worker)))
                bare.append(await cost(database, count, lambda: bare_loop(upstream, account, bodies)))
            return full, bare


def rows(options: Options) -> Iterator[Row]:
    """Yield two rows per database and broker: CPU of the worker, and the rate."""
    with TemporaryDirectory() as folder:
        settings = [("SQLite, in memory", options.databases(folder)["SQLite"], "memory://")]
        for url in options.brokers if options.postgresql else ():
            settings.append((f"PostgreSQL, {url.split(':')[0]}", options.postgresql, url))
        for name, database_url, broker_url in settings:
            full, bare = uvloop.run(measure(database_url, broker_url, options.count, options.rounds))
            note = f"{in_words('full', full)}; {in_words('bare loop', bare)}"
            ours, theirs = [each.process for each in full], [each.process for each in bare]
            yield compared(f"CPU of the worker, full delivery, {name}", "bare loop", ours, theirs, "<= 4.3", "us", note)
            yield compared(f"full delivery, {name}", "bare loop", rates(full), rates(bare), "", "per s")
