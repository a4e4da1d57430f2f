"""Retention of inbound requests, and after them of the queue numbers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.inbound import requests
from engine.inbound.retention import BATCH_ROWS, InboundRetention
from engine.maintenance.retention import AttemptRetention
from engine.specs.upstream import Retention as Kept
from tests.conftest import Clock
from tests.engine.inbound.test_queue_numbers import CARDS, SERVICE, opened, take, wish
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

DAY = 86_400.0


@pytest.fixture
def asked(antar: SmallHub) -> SmallHub:
    """Return a hub that has given numbers."""
    antar.hub.catalog = replace(antar.hub.catalog, inbound={SERVICE.name: SERVICE})
    return antar


async def numbers(asked: SmallHub, n: int, *, his: bool = True) -> None:
    """Give that many numbers; with `his` the clinic's system fetches every request."""
    database, facility = asked.hub.database, asked.facility
    await opened(database, facility)
    for card in CARDS[:n]:
        await take(database, facility, wish(card))
    for row in await rows(database) if his else ():
        await requests.mark_taken(database, facility.id, row.id)


async def rows(database: Database) -> list[Any]:
    return list(await database.fetch(text("SELECT * FROM inbound_requests ORDER BY id")))


async def prune(asked: SmallHub, most: int | None = None) -> None:
    retention = InboundRetention(asked.hub.database, lambda: asked.hub.catalog, most)
    now = asked.hub.database.clock()
    assert await retention.step(now) < BATCH_ROWS
    assert await retention.step(now) == 0


async def test_what_was_asked_goes_and_that_it_was_asked_stays(asked: SmallHub, clock: Clock) -> None:
    await numbers(asked, 1)
    clock.pass_(89 * DAY)
    await prune(asked)
    assert CARDS[0] in (await rows(asked.hub.database))[0].content
    clock.pass_(2 * DAY)
    await prune(asked)
    [row] = await rows(asked.hub.database)
    assert (row.content, row.answer, row.code, row.operation) == ("{}", "{}", 200, "take")
    assert row.pruned_at == clock.now


async def test_what_the_clinics_system_has_not_taken_stays(asked: SmallHub, clock: Clock) -> None:
    await numbers(asked, 1, his=False)
    clock.pass_(100 * DAY)
    await prune(asked)
    [row] = await rows(asked.hub.database)
    assert (CARDS[0] in row.content, row.pruned_at) == (True, None)
    await requests.mark_taken(asked.hub.database, asked.facility.id, row.id)
    await prune(asked)
    assert (await rows(asked.hub.database))[0].content == "{}"


async def test_the_installation_and_the_entry_may_keep_it_for_less(asked: SmallHub, clock: Clock) -> None:
    await numbers(asked, 2)
    clock.pass_(8 * DAY)
    await prune(asked, most=7)
    assert [row.content for row in await rows(asked.hub.database)] == ["{}", "{}"]
    brief = replace(SERVICE, retention=Kept(bodies=1, attempts=7))
    asked.hub.catalog = replace(asked.hub.catalog, inbound={SERVICE.name: brief})
    await prune(asked)
    assert await rows(asked.hub.database) == []


async def test_the_book_goes_with_the_last_of_it_and_no_number_of_today(asked: SmallHub, clock: Clock) -> None:
    await numbers(asked, 3)
    counts = text("SELECT (SELECT COUNT(*) FROM inbound_numbers), (SELECT COUNT(*) FROM inbound_days)")
    await prune(asked)
    assert await asked.hub.database.fetch(counts) == [(3, 1)]
    clock.pass_(1827 * DAY)
    await prune(asked)
    assert await asked.hub.database.fetch(counts) == [(0, 0)]


async def test_a_worker_does_it_with_its_other_pruning(asked: SmallHub, clock: Clock) -> None:
    await numbers(asked, 30)
    clock.pass_(100 * DAY)

    async def at_once(_: float) -> None:
        await asyncio.sleep(0)

    many = [AttemptRetention(asked.hub.database, lambda: asked.hub.catalog, None, at_once) for _ in range(3)]
    await asyncio.gather(*(pruner.tick() for pruner in many))
    assert {row.content for row in await rows(asked.hub.database)} == {"{}"}
