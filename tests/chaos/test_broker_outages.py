"""A broker that forgets, is away or repeats messages ten times: it is only a bell."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dramatiq
import pytest
import redis

from engine.actors import AGE_LIMIT_MS, QUEUE, make_broker
from engine.database.database import Database
from sandbox.world import World
from tests.chaos.figures import FaultFigures
from tests.chaos.his import handing_in, statuses
from tests.chaos.processes import SWEEP
from tests.chaos.proxy import proxy
from tests.chaos.scene import Scene, scene
from tests.chaos.sizes import ALL, RECORDS
from tests.chaos.test_upstream_storms import posts_of
from tests.conftest import BROKERS

pytestmark = [pytest.mark.anyio, pytest.mark.any_database, pytest.mark.xdist_group("brokers")]

Report = Callable[[FaultFigures], None]
NONE = pytest.param("", marks=pytest.mark.skip(reason="ANTAR_TEST_BROKER_URL is not set"))
OTHERS = [pytest.param(url, marks=pytest.mark.chaos) for url in BROKERS[1:]]


@pytest.fixture(params=[*BROKERS[:1], *OTHERS] or [NONE])
def broker_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the address of a broker without messages."""
    flush(request.param)
    yield request.param
    flush(request.param)


def flush(broker_url: str) -> None:
    """Delete every message; of a Redis only those in the database of its URL."""
    if broker_url.startswith("redis"):
        with redis.Redis.from_url(broker_url) as client:
            client.flushdb()
        return
    broker = make_broker(broker_url)
    broker.declare_queue(QUEUE)
    broker.flush_all()
    broker.close()


def named(case: str, broker_url: str) -> str:
    return f"{case}, {broker_url.partition(':')[0]}"


async def test_a_broker_that_forgets_loses_nothing(
    broker_url: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path, broker_url=broker_url) as stage:
        stage.start_worker()
        stage.start_worker()
        async with handing_in(stage) as his:
            await stage.has_arrived(20)
            started = time.monotonic()
            for _ in range(FLUSHES):
                await asyncio.to_thread(flush, broker_url)
                await asyncio.sleep(BETWEEN)
        await stage.all_settled()
        assert statuses(his.answers) == {200}
        report(await stage.account(named("B1 flushed again and again", broker_url), started))


FLUSHES, BETWEEN = (12, 5.0) if ALL else (5, 0.2)


async def test_a_broker_that_is_away_keeps_nothing_out_and_holds_nothing_up(
    broker_url: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with (
        proxy(broker_url) as (between, address),
        scene(world, database_url, url, tmp_path, broker_url=address) as stage,
    ):
        stage.start_worker()
        async with handing_in(stage) as his:
            await stage.has_arrived(20)
            gone, before = time.monotonic(), stage.arrived
            await between.stop()
            stage.start_worker()
            await asyncio.sleep(AWAY)
            assert stage.arrived > before
            heard = rings(stage)
            await between.start()
            await stage.until(lambda: rings(stage) > heard)
        await stage.all_settled()
        assert statuses(his.answers) == {200}
        report(await stage.account(named(f"B2 away for {AWAY:.0f} s", broker_url), gone))


AWAY = 60.0 if ALL else 1.0  # seconds


def rings(stage: Scene) -> int:
    """Return the number of messages that workers have received."""
    return stage.log.read_bytes().count(b"Received args")


@pytest.mark.chaos
async def test_what_no_bell_tells_is_found_by_the_next_sweep(
    broker_url: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with proxy(broker_url) as (between, address):
        await between.stop()
        async with scene(world, database_url, url, tmp_path, broker_url=address) as stage:
            stage.start_worker()
            await stage.hand_in(2)
            await stage.has_arrived(2)
            await stage.all_settled()
            started = time.monotonic()
            await stage.hand_in(2, first=2)
            await stage.has_arrived(4)
            assert time.monotonic() - started <= 2 * SWEEP + QUICK
            await stage.all_settled()
            report(await stage.account(named("B2 away from the beginning", broker_url), started))


QUICK = 1.0  # seconds in which two records are handed in, sent and seen


async def test_messages_that_are_doubled_stale_and_out_of_order_send_nothing_twice(
    broker_url: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path, broker_url=broker_url) as stage:
        await asyncio.to_thread(publish, stage)
        started = time.monotonic()
        stage.start_worker()
        stage.start_worker()
        for first in range(0, RECORDS, RECORDS // 4):
            await stage.hand_in(RECORDS // 4, first)
            await asyncio.to_thread(publish, stage)
        await stage.all_settled()
        report(await stage.account(named("B3 doubled, stale, out of order", broker_url), started))
        assert posts_of(world) == RECORDS


def publish(stage: Scene) -> None:
    """Publish ten bells per type, ten stale ones, ten of an unknown clinic and ten of a removed type; shuffled."""
    messages = list[dramatiq.Message[None]]()
    for spec in ("Organization", "Location"):
        rung = stage.hub.bell.actors[spec].message(stage.facility.id)
        stale = rung.copy(message_timestamp=rung.message_timestamp - 2 * AGE_LIMIT_MS)
        messages += [rung, stale, rung.copy(args=(999,)), rung.copy(actor_name="send_Gone")] * 10
    random.Random(1).shuffle(messages)
    for message in messages:
        stage.hub.broker.enqueue(message)
