"""A vendor's busy hours: 5,000 clinics with three upstreams each, and 150 records a second, each for another clinic."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvloop

from bench.clinic import UNSENT, empty, hush
from bench.cost import BACKENDS
from bench.cpu import backend_seconds, cpu_seconds
from bench.fleet import Kind, write_configuration
from bench.idle import SETTLE_SECONDS, fill
from bench.options import Options
from bench.processes import environment, process
from bench.rows import Row
from bench.upstream import fake_upstream
from engine.actors import make_broker
from engine.database.statements import Statement
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.settings import from_environment

CLINICS, KINDS = 5_000, ("ministry", "insurer", "queues")
PER_SECOND = 150
LATENCY_SECONDS = 0.1
REACH_SECONDS, REACH_MS = 2.0, 2.5
DAY = 50_000_000  # deliveries of a vendor on a large day
SEED = 17


class Spent(NamedTuple):
    """CPU seconds so far of the worker, of PostgreSQL, of the upstream, and of this process, which hands in."""

    worker: float
    postgresql: float
    upstream: float
    load: float


class Outcome(NamedTuple):
    """Deliveries, their seconds from accepted to sent, and the CPU milliseconds of one."""

    seconds: list[float]
    cost: Spent


async def spent(hub: Hub, worker: int) -> Spent:
    """Return the CPU so far; `worker` is the process id."""
    postgresql = backend_seconds(await hub.database.fetch(BACKENDS))
    upstream = sum(cpu_seconds(child.pid) for child in multiprocessing.active_children() if child.pid)
    return Spent(cpu_seconds(worker), postgresql, upstream, cpu_seconds())


async def hand_in(hub: Hub, clinics: Sequence[FacilityRow], count: int) -> float:
    """Hand in `count` records at PER_SECOND, each of a clinic and an upstream by chance; return the seconds."""
    chance, started, tasks = random.Random(SEED), time.monotonic(), []
    for n in range(count):
        await asyncio.sleep(max(0.0, started + n / PER_SECOND - time.monotonic()))
        record = {"id": f"{n}", "who": "a", "at": "2026-03-10"}
        kind = chance.choice(KINDS).capitalize()
        tasks.append(asyncio.create_task(hub.intake.hand_in(chance.choice(clinics), kind, [record])))
    await asyncio.gather(*tasks)
    return time.monotonic() - started


async def measure(options: Options, folder: Path, seconds: float) -> Outcome:
    """Return the outcome of `seconds` of load with one worker process on PostgreSQL and Redis."""
    with fake_upstream(LATENCY_SECONDS) as address:
        write_configuration(folder, {name: Kind() for name in KINDS})
        environ = environment(folder, options.postgresql, options.redis, **dict.fromkeys(KINDS, address))
        hub = await Hub.open(from_environment(environ), durable=False, broker=make_broker(options.redis))
        await empty(hub)
        await fill(hub, CLINICS)
        clinics = list((await hub.facilities.all()).values())
        with process(environ, "admin", "worker", "--processes", "1") as worker:
            await asyncio.sleep(SETTLE_SECONDS)
            before, count = await spent(hub, worker.pid), int(seconds * PER_SECOND)
            await hand_in(hub, clinics, count)
            while (await hub.database.fetch(UNSENT))[0]:  # noqa: ASYNC110 - no announcement
                await asyncio.sleep(0.5)
            after = await spent(hub, worker.pid)
            taken = await hub.database.fetch(_TAKEN)
        await empty(hub)
        await hub.close()
    assert len(taken) == count, f"{len(taken)} of {count} were sent"
    cost = Spent(*(1000 * max(0.0, last - first) / count for last, first in zip(after, before, strict=True)))
    return Outcome([ms / 1000 for ms in taken], cost)


def rows(options: Options) -> Iterator[Row]:
    if not (options.postgresql and options.redis):
        return
    hush()
    seconds = 600.0 if options.large else 30.0 if options.quick else 120.0
    with TemporaryDirectory() as folder:
        outcome = uvloop.run(measure(options, Path(folder), seconds))
    what = f"vendor, {CLINICS:,} clinics, {PER_SECOND} records a second"
    p50, p95 = (quantiles(outcome.seconds, n=100)[percent - 1] for percent in (50, 95))
    note = f"median {p50:.2f} s, most {max(outcome.seconds):.2f} s; upstream of {1000 * LATENCY_SECONDS:.0f} ms"
    yield Row(f"{what}, p95 to sent", f"{REACH_SECONDS:.0f} s", p95 / REACH_SECONDS, "<= 1", p95, "s", note)
    cost = outcome.cost
    total = cost.worker + cost.postgresql
    note = (
        f"worker {cost.worker:.2f}, PostgreSQL {cost.postgresql:.2f} (intake included), upstream {cost.upstream:.2f}, "
        f"handing in {cost.load:.2f} ms; {DAY / 1e6:.0f} million a day: {DAY * total / 86_400_000:.1f} cores"
    )
    yield Row(f"{what}, CPU", f"{REACH_MS} ms", total / REACH_MS, "<= 1", total, "ms", note)


_TAKEN = Statement("SELECT sent_at - created_at FROM deliveries WHERE status = 'sent'", int)
