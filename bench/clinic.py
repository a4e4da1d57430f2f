"""A clinic on an emptied database in this process: what it hands in, and a worker that waits for the first bell."""

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
from engine.database.tables import Base
from engine.delivery.status import Status
from engine.delivery.types import Channel, NewRecord, Settlement
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
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
NOWHERE = "http://127.0.0.1:9"


@dataclass(slots=True)
class Clinic:
    """One facility with credentials, all whose visits can be sent; its queue is held until `deliver`."""

    hub: Hub
    facility: FacilityRow
    workers: list[Worker] = field(default_factory=list)
    """Those of this process that hear the bell."""

    @property
    def channel(self) -> Channel:
        return Channel(UPSTREAM, self.facility.id)

    def record(self, n: int) -> dict[str, Any]:
        """The n-th visit: one of some hundred patients, on one of seven days."""
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
        """Visits through the engine's door, in batches."""
        for start in range(first, first + count, BATCH):
            records = [self.record(n) for n in range(start, min(start + BATCH, first + count))]
            await self.hub.intake.hand_in(self.facility, SPEC, records)

    async def hold(self) -> None:
        """Close the queue: workers start, hear and sweep, and claim nothing."""
        await self._execute(_HOLD)

    async def release(self) -> None:
        """Open the queue and ring the bell."""
        await self._execute(_RELEASE)
        self.hub.bell.ring(SPEC, self.facility.id)

    async def unsent(self) -> int:
        """Deliveries that are not sent, by their counters."""
        query = "SELECT COALESCE(SUM(n), 0) FROM totals WHERE status <> 'sent'"
        [(unsent,)] = await self.hub.database.fetch(text(query))
        return int(unsent)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker]:
        """A worker of this process that is up and may not begin yet."""
        await self.hold()
        worker, stop = Worker(self.hub), asyncio.Event()
        self.workers.append(worker)
        running = asyncio.create_task(worker.run(stop))
        while not await self.hub.database.fetch(text("SELECT 1 FROM workers")):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        try:
            yield worker
        finally:
            stop.set()
            await running
            self.workers.remove(worker)

    async def deliver(self, worker: Worker) -> float:
        """Seconds from the first bell until the last settlement of all that was handed in."""
        started = time.perf_counter()
        await self.release()
        while worker.in_flight or await self.unsent():  # noqa: ASYNC110 - it tells nobody when it is done
            await asyncio.sleep(0.002)
        seconds = time.perf_counter() - started
        await self.hold()
        return seconds

    async def account(self) -> tuple[Upstream, Account]:
        """Through whom and as whom the clinic sends."""
        upstream = self.hub.catalog.upstreams[UPSTREAM]
        account = await self.hub.accounts.get(self.facility.id, upstream)
        assert isinstance(account, Account), account
        return self.hub.upstream(UPSTREAM), account

    async def finished_body(self) -> bytes:
        """The payload of a visit, as it is posted."""
        spec = self.hub.catalog.specs[SPEC]
        scope = context(spec, self.record(0), self.facility)
        wanted = needs.wanted(spec.needs_for("create"), scope)
        targets = needs.targets_of(wanted, self.facility.id)
        known = await references.look_up(self.hub.database, targets, self.hub.catalog.items)
        values = needs.resolve(wanted, spec.needs, self.facility.id, known).values
        assert spec.payload is not None
        return orjson.dumps(spec.payload.render({**scope, "needs": values}))

    async def satisfy_needs(self) -> None:
        """Everything that visits need has been sent."""
        spec = self.hub.catalog.specs[SPEC]
        needed: dict[str, set[str]] = {}
        for n in range(PATIENTS):
            for want in needs.wanted(spec.needs_for("create"), context(spec, self.record(n), self.facility)):
                needed.setdefault(want.need.specs[0], set()).update(key for key, _ in want.targets)
        for name, keys in needed.items():
            entries = [NewRecord(key, "2026-03-10", "{}", "needed") for key in sorted(keys)]
            await add(self.hub.database, Batch(self.facility.id, name, UPSTREAM, updatable=False), entries)
        while claimed := await claim(self.hub.database, self.channel, BATCH, "bench"):
            sent = [Settlement(each, Status.SENT, reference=f"ref-{each.id}", sent_version=1) for each in claimed]
            await settle(self.hub.database, sent, [claimed[0].lease])

    async def _execute(self, statement: str) -> None:
        parameters = {"facility": self.facility.id, "upstream": UPSTREAM}
        await self.hub.database.write(lambda connection: connection.execute(text(statement), parameters))


_HOLD = """
INSERT INTO channels (facility_id, upstream, cause, reason, since, probe_at)
VALUES (:facility, :upstream, 'down', 'bench', 0, 9000000000000) ON CONFLICT DO NOTHING
"""
_RELEASE = "DELETE FROM channels WHERE facility_id = :facility AND upstream = :upstream"


def plain(database_url: str, broker_url: str = "memory://", address: str = NOWHERE) -> Settings:
    """Settings of a process that sends to `address`."""
    return Settings("demo", database_url, broker_url, (new_key(),), addresses={UPSTREAM: address})


@asynccontextmanager
async def clinic(settings: Settings, in_flight: int = IN_FLIGHT) -> AsyncIterator[Clinic]:
    """A clinic on an emptied database, with so many slots and no limit of rate."""
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
        found = Clinic(hub, facility, workers)
        await found.satisfy_needs()
        yield found
    finally:
        await hub.close()


def hush() -> None:
    """What the engine and Dramatiq tell while they are measured is not for the report."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.disable(logging.WARNING)


def unlimited(catalog: Catalog, in_flight: int = IN_FLIGHT) -> Catalog:
    """The catalog with so many slots and no rate: the machine is measured, not the limits."""
    upstreams = {
        name: replace(upstream, concurrency=in_flight, rate=None) for name, upstream in catalog.upstreams.items()
    }
    specs = {name: replace(spec, upstream=upstreams[spec.upstream.name]) for name, spec in catalog.specs.items()}
    return replace(catalog, upstreams=upstreams, specs=specs)


async def empty(hub: Hub) -> None:
    """What an earlier run has left in a database that outlives it."""
    if hub.database.dialect == "postgresql":
        names = ", ".join(table.name for table in Base.metadata.sorted_tables if table.name != "installation")
        await hub.database.write(lambda c: c.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE")))
