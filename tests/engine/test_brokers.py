"""Bell over real brokers: lost, repeated and stale messages change nothing; two workers share the work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import dramatiq
import pytest
from dramatiq.common import dq_name
from sqlalchemy import text

from engine.actors import QUEUE, make_broker
from engine.database.database import Database
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.redis_broker import DELAYED_POLL_MS
from engine.settings import Settings
from engine.worker import BELL_POLL_MS, Worker
from sandbox.embedded import running
from sandbox.world import World
from tests.conftest import BROKERS, SECRETS

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("brokers")]

PATIENCE = 30.0
RECORDS = 20


@pytest.fixture
def clock() -> Callable[[], int]:
    """Return real time, which workers of several event loops share."""
    from engine.database.database import wall_clock

    return wall_clock


@pytest.fixture(params=["memory://", *BROKERS])
def broker(request: pytest.FixtureRequest) -> Iterator[dramatiq.Broker]:
    made = make_broker(request.param)
    yield made
    made.flush_all()
    made.close()


def test_redis_is_asked_seldom_for_delayed_messages_which_are_never_sent() -> None:
    broker = make_broker("redis://127.0.0.1:1")  # a consumer connects when it is asked for messages
    pauses = {name: vars(broker.consume(name, timeout=BELL_POLL_MS))["timeout"] for name in (QUEUE, dq_name(QUEUE))}
    assert pauses == {QUEUE: BELL_POLL_MS, dq_name(QUEUE): DELAYED_POLL_MS}


class Stage:
    """A hub with its worker on the test's event loop, as in `antar worker`."""

    def __init__(self, hub: Hub, worker: Worker, facility: FacilityRow) -> None:
        self.hub = hub
        self.worker = worker
        self.facility = facility

    async def hand_in(self, first: int = 0, count: int = RECORDS) -> None:
        example = dict(self.hub.catalog.specs["Organization"].example)
        records = [{**example, "id": f"POLI-{n}", "name": f"Poli {n}"} for n in range(first, first + count)]
        await self.hub.intake.hand_in(self.facility, "Organization", records)

    async def until_sent(self, count: int = RECORDS) -> None:
        query = text("SELECT COUNT(*) FROM deliveries WHERE status = 'sent'")
        async with asyncio.timeout(PATIENCE):
            while (await self.hub.database.fetch(query))[0][0] < count:  # noqa: ASYNC110 - nobody tells the test
                await asyncio.sleep(0.02)


@asynccontextmanager
async def staged(
    database_url: str, broker: dramatiq.Broker, url: str, facility: FacilityRow | None = None, key: str = ""
) -> AsyncIterator[Stage]:
    loop, workers = asyncio.get_running_loop(), list[Worker]()

    def ring(channel: Channel) -> None:
        loop.call_soon_threadsafe(lambda: [worker.ring(channel) for worker in workers])

    settings = Settings(
        environment="demo", database_url=database_url, secret_keys=(key or new_key(),), addresses={"satusehat": url}
    )
    hub = await Hub.open(settings, durable=False, broker=broker, ring=ring)
    if facility is None:
        facility = await add_facility(hub.database, "klinik", "Klinik", organization_id="100099001")
        await set_credentials(hub.database, hub.vault, facility.id, "satusehat", SECRETS)
    worker, stop = Worker(hub), asyncio.Event()
    workers.append(worker)
    working = asyncio.create_task(worker.run(stop))
    try:
        yield Stage(hub, worker, facility)
    finally:
        stop.set()
        await working
        await hub.close()


async def test_the_bell_wakes_the_worker(
    database: Database, database_url: str, broker: dramatiq.Broker, world: World
) -> None:
    with running(world) as url:
        async with staged(database_url, broker, url) as stage:
            await stage.hand_in()
            await stage.until_sent()
    assert world.witness.summary()["created"] == {"Organization": RECORDS}


async def test_a_lost_bell_is_rung_again_by_the_sweep(
    database: Database, database_url: str, broker: dramatiq.Broker, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dramatiq.Actor, "send", lambda *_: None)
    with running(world) as url:
        async with staged(database_url, broker, url) as stage:
            await stage.hand_in()
            await stage.until_sent()


async def test_a_broker_that_is_down_keeps_no_record_out(
    database: Database, database_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(dramatiq.Actor, "send", down)
    with running(world) as url:
        async with staged(database_url, make_broker("memory://"), url) as stage:
            await stage.hand_in()
            await stage.until_sent()


async def test_doubled_and_stale_bells_send_nothing_twice(
    database: Database, database_url: str, broker: dramatiq.Broker, world: World
) -> None:
    with running(world) as url:
        async with staged(database_url, broker, url) as stage:
            for first in range(0, RECORDS, 5):
                await stage.hand_in(first, 5)
                await asyncio.to_thread(
                    lambda: [stage.hub.bell.actors["Organization"].send(stage.facility.id) for _ in range(10)]
                )
            await stage.hub.bell.close()
            await stage.until_sent()
    assert world.witness.summary()["posts"]["Organization"] == RECORDS


async def test_two_workers_share_the_work_and_send_nothing_twice(
    database: Database, database_url: str, broker: dramatiq.Broker, world: World
) -> None:
    world.latency = 0.005
    with running(world) as url:
        key = new_key()
        async with (
            staged(database_url, broker, url, key=key) as one,
            staged(database_url, make_broker("memory://"), url, one.facility, key) as two,
        ):
            await one.hand_in(0, 60)
            two.worker.ring(Channel("satusehat", one.facility.id))
            await one.until_sent(60)
    summary = world.witness.summary()
    assert (summary["posts"]["Organization"], summary["token_posts"]) == (60, 1)
