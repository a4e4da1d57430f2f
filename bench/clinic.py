"""A clinic on an emptied database in this process: its records, and a worker that waits for the first bell."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import structlog
from sqlalchemy import text

from adapters.base import Account, Upstream
from admin.commands.processes import collect_rarely
from engine.actors import make_broker
from engine.catalog.catalog import Catalog
from engine.database.statements import Command, Statement
from engine.database.tables import Base
from engine.database.transaction import ModelTransaction
from engine.delivery.status import Status
from engine.delivery.types import Channel, NewRecord, Settlement
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.maintenance.list_indexing import ListIndexing
from engine.maintenance.visit_review import VisitReview
from engine.outbox.add import Batch, add
from engine.outbox.claim import claim
from engine.outbox.settle import settle
from engine.sending import references
from engine.settings import Settings
from engine.specs import needs
from engine.specs.context import context
from engine.worker import Worker

IN_FLIGHT = 64
BATCH = 500
SPEC, UPSTREAM = "Encounter", "satusehat"
SECRETS = {"client_id": "bench", "client_secret": "bench", "organization_id": "100099001"}
PATIENTS = 500
WATCH_SECONDS = 0.01  # between two looks at a run; the database is asked only when nothing is in flight
HOLD_MS = 240_000  # longer than all is handed in; a worker corrects what is farther ahead than any pause
NOWHERE = "http://127.0.0.1:9"


@dataclass(slots=True)
class BenchClinic:
    """One facility with credentials; all its visits can be sent, and its queue is held until `deliver`."""

    hub: Hub
    facility: FacilityRow
    workers: list[Worker] = field(default_factory=list)  # workers of this process that hear the bell

    @property
    def channel(self) -> Channel:
        return Channel(UPSTREAM, self.facility.id)

    def record(self, n: int) -> dict[str, Any]:
        """Return the n-th visit: one of `PATIENTS` patients, on one of seven days."""
        example = dict(self.hub.catalog.specs[SPEC].example)
        arrived = f"2026-03-{10 + n % 7:02}T{8 + n % 9:02}:{n % 60:02}:00+07:00"
        patient = n % PATIENTS
        return {
            **example,
            "id": f"V{n}",
            "norm": f"RM-{patient:06}",
            "patient_name": f"Pasien Contoh {patient}",
            "arrived_at": arrived,
        }

    async def hand_in(self, first: int, count: int) -> None:
        """Hand in visits through the engine's intake, in batches, and let workers of this process index them."""
        for start in range(first, first + count, BATCH):
            records = [self.record(n) for n in range(start, min(start + BATCH, first + count))]
            await self.hub.intake.hand_in(self.facility, SPEC, records)
        if self.workers:
            await self.until_indexed()

    async def until_indexed(self) -> None:
        """Enter what was handed in in the indexes of lists and visits, beside the workers, which pause in between.

        That is a part of taking records in and has a row of its own (bench.indexing); it is not counted as sending.
        """
        hub = self.hub
        lists = ListIndexing(hub.database, lambda: hub.catalog, hub.vault, no_pause)
        visits = VisitReview(hub.database, lambda: hub.catalog, no_pause)
        while await self._unindexed():
            await lists.tick()
            await visits.tick()

    async def _unindexed(self) -> int:
        [left] = await self.hub.database.fetch(_UNINDEXED)
        return left

    async def hold(self) -> None:
        """Close the queue: workers start, listen and sweep, but claim nothing."""
        await self._execute(_HOLD, until=self.hub.database.clock() + HOLD_MS)

    async def release(self) -> None:
        """Open the queue and ring the bell."""
        await self._execute(_RELEASE)
        self.hub.bell.ring(SPEC, self.facility.id)

    async def unsent(self) -> int:
        """Return the number of deliveries that are not sent, from their counters."""
        [unsent] = await self.hub.database.fetch(UNSENT)
        return unsent

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        """Yield a worker of this process that is up but may not start yet."""
        await self.hold()
        worker, stop = Worker(self.hub), asyncio.Event()
        self.workers.append(worker)
        running = asyncio.create_task(worker.run(stop))
        while not await self.hub.database.fetch(_WORKERS):  # noqa: ASYNC110 - no announcement
            await asyncio.sleep(0.01)
        try:
            yield worker
        finally:
            stop.set()
            await running
            self.workers.remove(worker)

    async def deliver(self, worker: Worker) -> float:
        """Return the seconds from the first bell until the last settlement of everything handed in."""
        started = time.perf_counter()
        await self.release()
        while worker.in_flight or await self.unsent():  # noqa: ASYNC110 - a worker does not announce that it is done
            await asyncio.sleep(WATCH_SECONDS)
        seconds = time.perf_counter() - started
        await self.hold()
        return seconds

    async def account(self) -> tuple[Upstream, Account]:
        """Return the upstream and the account that the clinic sends with."""
        upstream = self.hub.catalog.upstreams[UPSTREAM]
        account = await self.hub.accounts.get(self.facility.id, upstream)
        assert isinstance(account, Account), account
        return self.hub.upstream(UPSTREAM), account

    async def finished_body(self) -> bytes:
        """Return the payload of a visit as it is posted."""
        spec = self.hub.catalog.specs[SPEC]
        scope = context(spec, self.record(0), self.facility)
        required = needs.keys_of_needs(spec.needs_for("create"), scope)
        targets = needs.targets_of(required, self.facility.id)
        resolved = await references.look_up(self.hub.database, targets, self.hub.catalog.items)
        values = needs.resolve(required, spec.needs, self.facility.id, resolved.known).values
        assert spec.payload is not None
        return orjson.dumps(spec.payload.render({**scope, "needs": values}))

    async def satisfy_needs(self) -> None:
        """Store everything that visits need as sent."""
        spec = self.hub.catalog.specs[SPEC]
        needed: dict[str, set[str]] = {}
        for n in range(PATIENTS):
            for required in needs.keys_of_needs(spec.needs_for("create"), context(spec, self.record(n), self.facility)):
                needed.setdefault(required.need.specs[0], set()).update(key for key, _ in required.targets)
        for name, keys in needed.items():
            entries = [NewRecord(key, "2026-03-10", "{}", "needed") for key in sorted(keys)]
            await add(self.hub.database, Batch(self.facility.id, name, UPSTREAM, updatable=False), entries)
        while claimed := await claim(self.hub.database, self.channel, BATCH, "bench"):
            sent = [Settlement(row, Status.SENT, reference=f"ref-{row.id}", sent_version=1) for row in claimed]
            await settle(self.hub.database, sent)

    async def _execute(self, command: Command, **more: int) -> None:
        parameters = {"facility": self.facility.id, "upstream": UPSTREAM, **more}
        await self.hub.database.write_models(ModelTransaction.execute, command, parameters)


UNSENT = Statement("SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM totals WHERE status <> 'sent'", int)
_UNINDEXED = Statement(
    """
SELECT (SELECT COUNT(*) FROM index_queue) + (SELECT COUNT(*) FROM visits WHERE reviewed <> changes)
  + (SELECT COUNT(*) FROM installation WHERE columns_hash IS NULL OR use_cases_hash IS NULL)
""",
    int,
)
_WORKERS = Statement("SELECT 1 FROM workers", int)
_HOLD = Command(
    """
INSERT INTO channels (facility_id, upstream, cause, reason, since, probe_at)
VALUES (:facility, :upstream, 'down', 'bench', 0, :until) ON CONFLICT DO NOTHING
"""
)
_RELEASE = Command("DELETE FROM channels WHERE facility_id = :facility AND upstream = :upstream")


def plain(database_url: str, broker_url: str = "memory://", address: str = NOWHERE) -> Settings:
    """Return settings of a process that sends to `address`."""
    return Settings("demo", database_url, broker_url, (new_key(),), addresses={UPSTREAM: address})


@asynccontextmanager
async def clinic(settings: Settings, in_flight: int = IN_FLIGHT) -> AsyncIterator[BenchClinic]:
    """Yield a clinic on an emptied database, with `in_flight` slots and no rate limit."""
    hush()
    collect_rarely()
    workers: list[Worker] = []
    loop = asyncio.get_running_loop()

    def ring(channel: Channel) -> None:
        for worker in workers:
            loop.call_soon_threadsafe(worker.ring, channel)

    hub = await Hub.open(settings, durable=False, broker=make_broker(settings.broker_url), ring=ring)
    try:
        hub.catalog = unlimited(hub.catalog, in_flight)
        await empty(hub)
        facility = await add_facility(hub.database, "bench", "Bench", organization_id=SECRETS["organization_id"])
        await set_credentials(hub.database, hub.vault, facility.id, UPSTREAM, SECRETS)
        opened = BenchClinic(hub, facility, workers)
        await opened.satisfy_needs()
        yield opened
    finally:
        await hub.close()


def hush() -> None:
    """Silence the log of the engine and Dramatiq, which does not belong in the report."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.disable(logging.WARNING)


def unlimited(catalog: Catalog, in_flight: int = IN_FLIGHT) -> Catalog:
    """Return the catalog with `in_flight` slots and no rate limit, to measure the machine."""
    upstreams = {
        name: replace(upstream, concurrency=in_flight, rate=None) for name, upstream in catalog.upstreams.items()
    }
    specs = {name: replace(spec, upstream=upstreams[spec.upstream.name]) for name, spec in catalog.specs.items()}
    return replace(catalog, upstreams=upstreams, specs=specs)


async def no_pause(seconds: float) -> None:
    """Take the place of asyncio.sleep in work that rests between its batches: let others run, but do not wait."""
    await asyncio.sleep(0)


async def empty(hub: Hub) -> None:
    """Delete what an earlier run left in a database that outlives it."""
    if hub.database.dialect == "postgresql":
        names = ", ".join(table.name for table in Base.metadata.sorted_tables if table.name != "installation")
        await hub.database.write_models(ModelTransaction.execute, text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
