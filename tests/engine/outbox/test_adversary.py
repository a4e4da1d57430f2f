"""Races of a second worker, a HIS and a person at the worst moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text

from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.delivery.status import Lane, Status
from engine.delivery.types import Awaited, Channel, ClaimedDelivery, NewRecord, Settlement
from engine.facilities.facilities import FacilityRow
from engine.outbox import counters
from engine.outbox import settle as settling
from engine.outbox.add import Batch, add
from engine.outbox.claim import LEASE_MS, begin, claim, heartbeat
from engine.outbox.reclaim import reclaim
from engine.outbox.settle import settle
from tests.conftest import Clock

pytestmark = pytest.mark.anyio


def entry(key: str, content: str = "a") -> NewRecord:
    return NewRecord(key=key, date="2026-03-10", record=f'{{"id": "{key}"}}', record_hash=content)


def batch(facility: FacilityRow) -> Batch:
    return Batch(facility.id, "Visit", "ministry", True)


async def take(database: Database, facility: FacilityRow) -> list[ClaimedDelivery]:
    return await claim(database, Channel("ministry", facility.id), 100, "worker")


async def row(database: Database, id_: int) -> Any:
    [delivery] = await database.fetch(text("SELECT * FROM deliveries WHERE id = :id"), {"id": id_})
    return delivery


def sent(delivery: ClaimedDelivery) -> Settlement:
    reference = f"ref-{delivery.key}"
    return Settlement(delivery, Status.SENT, tried=True, reference=reference, sent_version=delivery.version)


async def test_a_change_during_a_blocking_leaves_no_wait_of_the_old_content(
    database: Database, facility: FacilityRow
) -> None:
    await add(database, batch(facility), [entry("1")])
    [delivery] = await take(database, facility)
    await add(database, batch(facility), [entry("1", "b")])
    await settle(database, [Settlement(delivery, Status.BLOCKED, waits=(Awaited(("Visit",), "old"),))])
    assert (await row(database, delivery.id)).status == "queued"
    assert await database.fetch(text("SELECT * FROM waits")) == []


async def test_the_last_two_needs_that_arrive_at_once_release_what_waits(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(database, batch(facility), [entry("a"), entry("b"), entry("waits")])
    a, b, waits = await take(database, facility)
    await settle(database, [Settlement(waits, Status.BLOCKED, waits=tuple(Awaited(("Visit",), key) for key in "ab"))])
    if database.dialect == "sqlite":
        await asyncio.gather(settle(database, [sent(a)]), settle(database, [sent(b)]))
    else:
        await _overlapping(monkeypatch, lambda: settle(database, [sent(a)]), lambda: settle(database, [sent(b)]))
    assert (await row(database, waits.id)).status == "queued"


async def _overlapping(
    monkeypatch: pytest.MonkeyPatch, first: Callable[[], Awaitable[Any]], second: Callable[[], Awaitable[Any]]
) -> None:
    """Hold the first transaction open after its releases until the second waits for it or has ended."""
    write, reached, go_on = settling._write_attempts, asyncio.Event(), asyncio.Event()

    async def hold(tx: Transaction, settlements: Any) -> None:
        await write(tx, settlements)
        if not reached.is_set():
            reached.set()
            await go_on.wait()

    monkeypatch.setattr(settling, "_write_attempts", hold)
    one, held = asyncio.ensure_future(first()), asyncio.ensure_future(reached.wait())
    await asyncio.wait([one, held], return_when=asyncio.FIRST_COMPLETED)
    assert reached.is_set(), one
    two = asyncio.ensure_future(second())
    await asyncio.wait([two], timeout=0.3)
    go_on.set()
    await asyncio.gather(one, two)


@pytest.mark.parametrize("changes", [["b"], ["b", "c"]])
async def test_a_change_during_a_try_whose_worker_died_is_not_taken_for_the_version_that_left(
    database: Database, facility: FacilityRow, clock: Clock, changes: list[str]
) -> None:
    await add(database, batch(facility), [entry("1")])
    [delivery] = await take(database, facility)
    await begin(database, delivery.lease)
    for content in changes:
        await add(database, batch(facility), [entry("1", content)])
    clock.pass_(LEASE_MS / 1000 + 1)
    await reclaim(database)
    stored = await row(database, delivery.id)
    assert stored.status == "unsure"
    assert stored.tried_version < stored.version


async def test_what_others_wait_for_comes_forward_into_their_lane(database: Database, facility: FacilityRow) -> None:
    bulk = [structs.replace(entry(f"bulk-{n}"), lane=Lane.BACKFILL) for n in range(3)]
    await add(database, batch(facility), [*bulk, entry("today")])
    [today, *_] = await claim(database, Channel("ministry", facility.id), 1, "worker")
    waits = tuple(Awaited(("Visit",), key) for key in ("bulk-2", "not-yet"))
    await settle(database, [Settlement(today, Status.BLOCKED, waits=waits)])
    assert [delivery.key for delivery in await take(database, facility)] == ["bulk-2", "bulk-0", "bulk-1"]


async def test_a_lease_is_lost_for_its_holder_as_soon_as_it_is_taken_back(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    await add(database, batch(facility), [entry("1")])
    [delivery] = await take(database, facility)
    await database.write_models(lambda tx: tx.execute(text("DELETE FROM leases")))
    await heartbeat(database, [delivery.lease])
    assert delivery.lease.until <= clock.now


async def test_a_change_comes_into_the_queue_where_its_type_is_sent_now(
    database: Database, facility: FacilityRow
) -> None:
    [(id_, _)] = await add(database, batch(facility), [entry("1")])
    await add(database, replace(batch(facility), upstream="other"), [entry("1", "b")])
    assert (await row(database, id_)).upstream == "other"
    assert await counters.kept(database) == await counters.recount(database)
