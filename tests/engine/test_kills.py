"""kill -9 at every step of a delivery: nothing is lost, nothing is created twice (performance 3)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine import counters
from engine.actors import make_broker
from engine.database import Database, wall_clock
from engine.facilities import FacilityRow, add_facility, set_credentials
from engine.hub import Hub
from engine.outbox.claim import LEASE
from engine.settings import ROOT, Settings, from_environment
from engine.vault import new_key
from engine.worker import Worker
from sandbox.embedded import running
from sandbox.world import World

pytestmark = pytest.mark.anyio

RECORDS = 30
PATIENCE = 60.0
SECRETS = {"client_id": "demo-client", "client_secret": "demo-secret", "organization_id": "100099001"}


class Scene:
    """The sandbox, a database with records handed in, and worker processes to kill."""

    def __init__(self, world: World, environ: dict[str, str], hub: Hub, facility: FacilityRow) -> None:
        self.world = world
        self.environ = environ
        self.hub = hub
        self.facility = facility

    def start_worker(self, failpoint: str = "") -> subprocess.Popen[bytes]:
        environ = {**os.environ, **self.environ, "ANTAR_FAILPOINT": failpoint}
        return subprocess.Popen([sys.executable, "-m", "tests.engine.dying_worker"], cwd=ROOT, env=environ)

    async def recover(self) -> None:
        """A worker that lives after every lease has ended brings everything home."""
        settings = from_environment(self.environ)
        later = lambda: wall_clock() + 2 * LEASE  # noqa: E731
        hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"), clock=later)
        stop = asyncio.Event()
        working = asyncio.create_task(Worker(hub).run(stop))
        async with asyncio.timeout(PATIENCE):
            while await self.statuses() != {"sent": RECORDS}:  # noqa: ASYNC110 - the worker tells nobody
                await asyncio.sleep(0.02)
        stop.set()
        await working
        await hub.close()

    async def statuses(self) -> dict[str, int]:
        rows = await self.hub.database.fetch(text("SELECT status, COUNT(*) FROM deliveries GROUP BY status"))
        return {str(status): int(n) for status, n in rows}

    async def number(self, query: str) -> int:
        [(n,)] = await self.hub.database.fetch(text(query))
        return int(n)

    async def all_is_well(self) -> None:
        """The invariants: nothing lost, nothing twice, nothing stuck, counters right, every try on record."""
        seen: dict[str, Any] = self.world.witness.summary()
        assert await self.statuses() == {"sent": RECORDS}
        assert seen["duplicates_created"] == 0
        assert sum(seen["created"].values()) == RECORDS
        assert await self.number("SELECT COUNT(*) FROM leases") == 0
        assert await counters.kept(self.hub.database) == await counters.recount(self.hub.database)
        creates = "SELECT COUNT(*) FROM attempts WHERE operation IN ('create', 'lost')"
        assert await self.number(creates) >= seen["posts"]["Organization"]


@pytest.fixture
def world() -> World:
    world = World()
    world.satusehat.settings.refuse_duplicates = False  # so that a second creation would be seen
    return world


@asynccontextmanager
async def scene(world: World, database_url: str, url: str) -> AsyncIterator[Scene]:
    environ = {
        "ANTAR_ENVIRONMENT": "demo",
        "ANTAR_DATABASE_URL": database_url,
        "ANTAR_SECRET_KEY": new_key(),
        "ANTAR_SATUSEHAT_URL": url,
    }
    settings: Settings = from_environment(environ)
    hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"))
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    await set_credentials(hub.database, hub.vault, facility.id, "satusehat", SECRETS)
    example = dict(hub.catalog.specs["Organization"].example)
    records = [{**example, "id": f"POLI-{n}", "name": f"Poli {n}"} for n in range(RECORDS)]
    await hub.intake.hand_in(facility, "Organization", records)
    yield Scene(world, environ, hub, facility)
    await hub.close()


@pytest.mark.parametrize(
    "failpoint",
    [
        "claimed:1",
        "prepared:1",
        "begun:1",
        "before_send:9",
        "answered:9",
        "before_settle:2",
        "settling:2",
        "released:2",
    ],
)
async def test_a_killed_worker_loses_nothing_and_sends_nothing_twice(
    failpoint: str, world: World, database: Database, database_url: str, tmp_path: Path
) -> None:
    with running(world) as url:
        async with scene(world, database_url, url) as stage:
            worker = stage.start_worker(failpoint)
            assert await asyncio.to_thread(worker.wait, PATIENCE) == -signal.SIGKILL
            await stage.recover()
            await stage.all_is_well()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_worker_killed_with_requests_on_the_wire_is_settled_by_looking(
    moment: str, world: World, database: Database, database_url: str
) -> None:
    world.faults.add(barrier="gate", barrier_at=moment, method="POST", path="/Organization", times=4)
    with running(world) as url:
        async with scene(world, database_url, url) as stage:
            worker = stage.start_worker()
            await asyncio.to_thread(world.barriers["gate"].reached, 4)
            worker.kill()
            await asyncio.to_thread(worker.wait, PATIENCE)
            world.barriers["gate"].release()
            await stage.recover()
            await stage.all_is_well()


async def test_a_worker_asked_to_stop_ends_what_is_on_its_way_and_gives_back_the_rest(
    world: World, database: Database, database_url: str
) -> None:
    world.faults.add(barrier="gate", barrier_at="after", method="POST", path="/Organization", times=4)
    with running(world) as url:
        async with scene(world, database_url, url) as stage:
            worker = stage.start_worker()
            await asyncio.to_thread(world.barriers["gate"].reached, 4)
            worker.terminate()
            world.barriers["gate"].release()
            assert await asyncio.to_thread(worker.wait, PATIENCE) == 0
            statuses = await stage.statuses()
            assert set(statuses) <= {"sent", "queued"}
            await stage.recover()
            await stage.all_is_well()
