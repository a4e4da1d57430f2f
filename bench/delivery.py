"""Full delivery (claim, render, check, send, settle with attempts, counters) against the bare loop of its client."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from tempfile import TemporaryDirectory

import orjson
import uvloop
from sqlalchemy import text

from adapters.base import Account, Call, Upstream
from bench.rows import Row, median_ratio
from bench.upstream import fake_upstream
from engine import references
from engine.actors import make_broker
from engine.catalog import Catalog
from engine.context import context
from engine.facilities import FacilityRow, add_facility, set_credentials
from engine.hub import Hub
from engine.models import Base, Status
from engine.outbox.add import Batch, add
from engine.outbox.claim import claim
from engine.outbox.entries import Channel, Entry, Settlement
from engine.outbox.settle import settle
from engine.settings import Settings
from engine.vault import new_key
from engine.worker import Worker

IN_FLIGHT = 64
SPEC = "Encounter"
SECRETS = {"client_id": "bench", "client_secret": "bench", "organization_id": "100099001"}


async def open_hub(database_url: str, broker_url: str, address: str) -> tuple[Hub, FacilityRow]:
    """A hub on an emptied database with one facility."""
    settings = Settings("demo", database_url, broker_url, (new_key(),), addresses={"satusehat": address})
    hub = await Hub.open(settings, durable=False, broker=make_broker(broker_url))
    hub.catalog = unlimited(hub.catalog)
    if await hub.database.fetch(text("SELECT id FROM facilities")):
        names = ", ".join(table.name for table in Base.metadata.sorted_tables if table.name != "installation")
        await hub.database.write(lambda c: c.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE")))
    facility = await add_facility(hub.database, "bench", "Bench", organization_id="100099001")
    await set_credentials(hub.database, hub.vault, facility.id, "satusehat", SECRETS)
    await satisfy_needs(hub, facility)
    return hub, facility


def unlimited(catalog: Catalog) -> Catalog:
    """The shipped catalog with IN_FLIGHT slots and no rate: the machine is measured, not the limits."""
    upstreams = {
        name: replace(upstream, concurrency=IN_FLIGHT, rate=None) for name, upstream in catalog.upstreams.items()
    }
    specs = {name: replace(spec, upstream=upstreams[spec.upstream.name]) for name, spec in catalog.specs.items()}
    return replace(catalog, upstreams=upstreams, specs=specs)


async def satisfy_needs(hub: Hub, facility: FacilityRow) -> None:
    """Everything that the example needs has been sent."""
    spec = hub.catalog.specs[SPEC]
    wanted = references.wanted(spec.needs_for("create"), context(spec, dict(spec.example), facility))
    for want in wanted:
        entries = [Entry(key, "2026-03-10", "{}", "needed") for key, _ in want.targets]
        await add(hub.database, Batch(facility.id, want.need.spec, "satusehat", updatable=False), entries)
    for delivery in await claim(hub.database, Channel("satusehat", facility.id), 100, "bench"):
        await settle(hub.database, [Settlement(delivery, Status.SENT, reference=f"ref-{delivery.id}", sent_version=1)])


async def hand_in(hub: Hub, facility: FacilityRow, first: int, count: int) -> None:
    example = dict(hub.catalog.specs[SPEC].example)
    for start in range(first, first + count, 500):
        records = [{**example, "id": f"V{n}"} for n in range(start, min(start + 500, first + count))]
        await hub.intake.hand_in(facility, SPEC, records)


async def bare_loop(upstream: Upstream, account: Account, bodies: list[bytes]) -> float:
    """Deliveries per second of a loop that only posts finished bodies with the same client."""
    left = iter(bodies)

    async def sender() -> None:
        for body in left:
            await upstream.send(Call("POST", "/Encounter", body=body), account)

    started = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
    return len(bodies) / (time.perf_counter() - started)


async def full_loop(hub: Hub, facility: FacilityRow, count: int) -> float:
    """Deliveries per second of a worker from the first bell until the last settlement."""
    worker, stop = Worker(hub), asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    started = time.perf_counter()
    worker.ring(Channel("satusehat", facility.id))
    while await _unsent(hub):  # noqa: ASYNC110 - the worker tells nobody when it is done
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - started
    stop.set()
    await running
    return count / seconds


async def finished_body(hub: Hub, facility: FacilityRow) -> bytes:
    """The payload of the example, as it is posted."""
    spec = hub.catalog.specs[SPEC]
    scope = context(spec, dict(spec.example), facility)
    wanted = references.wanted(spec.needs_for("create"), scope)
    targets = [(facility.id, want.need.spec, key) for want in wanted for key, _ in want.targets]
    known = await references.look_up(hub.database, targets, hub.catalog.items)
    needs = references.resolve(wanted, spec.needs, facility.id, known).values
    assert spec.payload is not None
    return orjson.dumps(spec.payload.render({**scope, "needs": needs}))


async def _unsent(hub: Hub) -> int:
    [(unsent,)] = await hub.database.fetch(text("SELECT COALESCE(SUM(n), 0) FROM totals WHERE status <> 'sent'"))
    return int(unsent)


async def measure(database_url: str, broker_url: str, count: int, rounds: int) -> tuple[list[float], list[float]]:
    """Full and bare deliveries per second, round by round in turn."""
    with fake_upstream() as address:
        hub, facility = await open_hub(database_url, broker_url, address)
        spec = hub.catalog.specs[SPEC]
        upstream = hub.upstream("satusehat")
        account = await hub.accounts.get(facility.id, spec.upstream)
        assert isinstance(account, Account)
        body = await finished_body(hub, facility)
        full, bare = [], []
        for n in range(rounds):
            await hand_in(hub, facility, n * count, count)
            full.append(await full_loop(hub, facility, count))
            bare.append(await bare_loop(upstream, account, [body] * count))
        await hub.close()
        return full, bare


def rows(count: int = 20_000, rounds: int = 5, postgresql: str = "", brokers: tuple[str, ...] = ()) -> list[Row]:
    """One row per database and broker."""
    result = []
    with TemporaryDirectory() as folder:
        settings = [("SQLite, in memory", f"sqlite:///{folder}/bench.sqlite3", "memory://", 0.70)]
        settings += [(f"PostgreSQL, {url.split(':')[0]}", postgresql, url, 0.60) for url in brokers if postgresql]
        for name, database_url, broker_url, goal in settings:
            full, bare = uvloop.run(measure(database_url, broker_url, count, rounds))
            result.append(
                Row(f"full delivery, {name}", "bare loop", median_ratio(full, bare), f">= {goal}", max(full), "per s")
            )
    return result
