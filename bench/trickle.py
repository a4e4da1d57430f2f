"""The trickle of a vendor: 300 clinics with one due delivery each, so that no batch is larger than one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvloop

from bench.clinic import HOLD_MS, UNSENT, empty, hush
from bench.cost import BACKENDS
from bench.cpu import backend_seconds, cpu_seconds
from bench.fleet import Kind, write_configuration
from bench.options import Options
from bench.processes import environment
from bench.rows import Row
from bench.statements import StatementCount, counted
from bench.upstream import fake_upstream
from engine.actors import make_broker
from engine.database.statements import Command
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.hub import Hub
from engine.settings import from_environment
from engine.worker import Worker

CLINICS = 300
KIND = "ministry"
LATENCY_SECONDS = 0.02
PAUSE_SECONDS = 0.01  # between two bells
REACH_MS, REACH_STATEMENTS = 2.0, 8


class Trickle(NamedTuple):
    """Cost of one delivery: CPU of the worker and of PostgreSQL in milliseconds, and statements."""

    worker: float
    postgresql: float
    statements: float


class Vendor:
    """Clinics whose records become due at the same time, and a worker of this process that waits for the bell."""

    def __init__(self, hub: Hub, workers: list[Worker], clinics: list[FacilityRow], statements: StatementCount) -> None:
        self._hub = hub
        self._workers = workers
        self._clinics = clinics
        self._statements = statements

    async def run(self, n: int) -> Trickle:
        """Hand in one record for each clinic while the queues are held, release all, and return the cost of one."""
        database = self._hub.database
        until = database.clock() + HOLD_MS
        await database.execute(_HOLD, {"upstream": KIND, "until": until})
        for clinic in self._clinics:
            await self._hub.intake.hand_in(clinic, KIND.capitalize(), [{"id": f"{n}", "who": "a", "at": "2026-03-10"}])
        worker, stop = Worker(self._hub), asyncio.Event()
        self._workers.append(worker)
        running = asyncio.create_task(worker.run(stop))
        await asyncio.sleep(3.0)
        await database.execute(_RELEASE)
        pids = await database.fetch(BACKENDS) if database.dialect == "postgresql" else []
        before = cpu_seconds(), backend_seconds(pids), self._statements.total()
        for clinic in self._clinics:
            worker.ring(Channel(KIND, clinic.id))
            await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.sleep(0.5)
        while worker.in_flight or (await database.fetch(UNSENT))[0]:  # noqa: ASYNC110 - no announcement
            await asyncio.sleep(0.5)
        pids = await database.fetch(BACKENDS) if database.dialect == "postgresql" else []
        after = cpu_seconds(), backend_seconds(pids), self._statements.total()
        self._workers.remove(worker)
        stop.set()
        await running
        own, theirs, statements = (last - first for last, first in zip(after, before, strict=True))
        return Trickle(1000 * own / CLINICS, 1000 * max(0.0, theirs) / CLINICS, statements / CLINICS)


async def measure(database_url: str, rounds: int, folder: Path) -> list[Trickle]:
    """Return the cost of one delivery in each round; the first round, which warms up, is left out."""
    workers: list[Worker] = []
    loop = asyncio.get_running_loop()

    def ring(channel: Channel) -> None:
        for worker in workers:
            loop.call_soon_threadsafe(worker.ring, channel)

    with fake_upstream(LATENCY_SECONDS) as address:
        write_configuration(folder, {KIND: Kind()})
        settings = from_environment(environment(folder, database_url, "memory://", **{KIND: address}))
        hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"), ring=ring)
        await empty(hub)
        clinics = [await add_facility(hub.database, f"c{n}", f"c{n}", organization_id="1") for n in range(CLINICS)]
        for clinic in clinics:
            await set_credentials(hub.database, hub.vault, clinic.id, KIND, {"secret": "rahasia"})
        with counted() as statements:
            vendor = Vendor(hub, workers, clinics, statements)
            costs = [await vendor.run(n) for n in range(rounds + 1)][1:]
        await hub.close()
    return costs


def rows(options: Options) -> Iterator[Row]:
    hush()
    for name in options.databases(""):
        with TemporaryDirectory() as folder:
            url = options.databases(folder)[name]
            figures = uvloop.run(measure(url, options.rounds, Path(folder)))
        worker, postgresql, statements = (median(column) for column in zip(*figures, strict=True))
        what = f"trickle, {CLINICS} clinics, one each, {name}"
        note = f"CPU of the worker {worker:.2f} ms, of PostgreSQL {postgresql:.2f} ms per delivery"
        total = worker + postgresql
        yield Row(what, f"{REACH_MS:.0f} ms of CPU", total / REACH_MS, "<= 1", total, "ms", note)
        against = f"{REACH_STATEMENTS} statements"
        yield Row(what, against, statements / REACH_STATEMENTS, "<= 1", statements, "statements")


_HOLD = Command(
    """
INSERT INTO channels (facility_id, upstream, cause, reason, since, probe_at, refusals)
SELECT id, CAST(:upstream AS VARCHAR), 'down', 'bench', 0, CAST(:until AS BIGINT), 0 FROM facilities WHERE true
ON CONFLICT DO NOTHING
"""
)
_RELEASE = Command("DELETE FROM channels")
