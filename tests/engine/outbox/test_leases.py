"""Leases hold what is being sent: nobody else claims or changes it, and its row is written once, when it is settled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.delivery.status import Status
from engine.delivery.types import Channel, ClaimedDelivery, NewRecord, Settlement
from engine.facilities.facilities import FacilityRow
from engine.outbox import counters
from engine.outbox.add import Batch, add
from engine.outbox.cancel import cancel
from engine.outbox.claim import LEASE_MS, begin, claim
from engine.outbox.edit import Basis, Saved, save
from engine.outbox.reclaim import reclaim
from engine.outbox.resend import ActionResult, ignore, resend
from engine.outbox.settle import settle
from tests.conftest import Clock

pytestmark = pytest.mark.anyio

AT_ONCE = 12  # deliveries for which a worker and somebody else race


def entry(key: str, content: str = "a") -> NewRecord:
    return NewRecord(key=key, date="2026-03-10", record="{}", record_hash=content)


async def hand_in(database: Database, facility: FacilityRow, *keys: str, content: str = "a") -> list[int]:
    batch = Batch(facility.id, "Visit", "ministry", updatable=True)
    return [id_ for id_, _ in await add(database, batch, [entry(key, content) for key in keys])]


async def take(database: Database, facility: FacilityRow, limit: int = 100) -> list[ClaimedDelivery]:
    return await claim(database, Channel("ministry", facility.id), limit, "worker")


def sent(delivery: ClaimedDelivery) -> Settlement:
    return Settlement(delivery, Status.SENT, tried=True, reference=f"ref-{delivery.id}", sent_version=delivery.version)


async def row(database: Database, id_: int) -> Any:
    [delivery] = await database.fetch(text("SELECT * FROM deliveries WHERE id = :id"), {"id": id_})
    return delivery


async def shown(database: Database, facility: FacilityRow) -> dict[str, int]:
    counts = await counters.read(database, facility.id)
    return {status: n for status, n in counts.get("Visit", {}).items() if n}


async def test_a_claim_writes_no_delivery_and_is_counted_all_the_same(
    database: Database, facility: FacilityRow
) -> None:
    [id_, _] = await hand_in(database, facility, "1", "2")
    before = await row(database, id_)
    await take(database, facility, 1)
    assert await row(database, id_) == before
    assert await shown(database, facility) == {"queued": 1, "sending": 1}
    assert await counters.kept(database) == await counters.recount(database)


async def test_what_is_sent_can_be_changed_by_nobody(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    await take(database, facility)
    assert await resend(database, facility.id, [id_], "sari", force=True) == {id_: ActionResult.ALREADY}
    assert await ignore(database, facility.id, [id_], "sari", reason="uji") == {id_: ActionResult.ALREADY}
    assert await save(database, facility.id, id_, "sari", "{}", reason="uji", basis=Basis(1)) is Saved.SENDING
    assert await cancel(database, [(facility.id, "Visit", "1")]) == set()
    assert (await row(database, id_)).status == "queued"


@pytest.mark.parametrize("rounds", [8])
async def test_a_worker_and_a_person_never_get_the_same_delivery(
    database: Database, facility: FacilityRow, rounds: int
) -> None:
    for n in range(rounds):
        ids = await hand_in(database, facility, *(f"{n}-{i}" for i in range(AT_ONCE)))
        claimed, ignored = await asyncio.gather(
            take(database, facility), ignore(database, facility.id, ids, "sari", reason="uji")
        )
        taken = {delivery.id for delivery in claimed}
        assert taken.isdisjoint(id_ for id_, result in ignored.items() if result is ActionResult.DONE)
        assert taken | {id_ for id_, result in ignored.items() if result is ActionResult.DONE} == set(ids)
        await settle(database, [sent(delivery) for delivery in claimed])
    assert await counters.kept(database) == await counters.recount(database)


async def test_two_workers_never_get_the_same_delivery(database: Database, facility: FacilityRow) -> None:
    ids = await hand_in(database, facility, *map(str, range(40)))
    batches = await asyncio.gather(*(take(database, facility, 5) for _ in range(10)))
    assert sorted(delivery.id for batch in batches for delivery in batch) == sorted(ids)


@pytest.mark.parametrize("rounds", [8])
async def test_a_change_is_not_lost_while_its_delivery_is_settled(
    database: Database, facility: FacilityRow, rounds: int
) -> None:
    for n in range(rounds):
        keys = [f"{n}-{i}" for i in range(AT_ONCE)]
        ids = await hand_in(database, facility, *keys)
        claimed = await take(database, facility)
        await asyncio.gather(
            settle(database, [sent(delivery) for delivery in claimed]),
            hand_in(database, facility, *keys, content="b"),
        )
        assert {(await row(database, id_)).status for id_ in ids} == {"queued"}
        assert len(await take(database, facility)) == AT_ONCE
        await settle(database, [sent(delivery) for delivery in claimed])  # of the lease that has ended: no effect
        assert await shown(database, facility) == {"sending": AT_ONCE * (n + 1)}


async def test_a_settlement_that_is_written_twice_leaves_the_next_claim_alone(
    database: Database, facility: FacilityRow
) -> None:
    await hand_in(database, facility, "1", "2")
    first, second = await take(database, facility)
    retrying = Settlement(first, Status.RETRYING, due_at=0)
    await settle(database, [retrying])
    [again] = await take(database, facility)
    await settle(database, [retrying])  # after a commit whose answer was lost
    assert await take(database, facility) == []
    await settle(database, [sent(again), sent(second)])
    assert await shown(database, facility) == {"sent": 2}
    assert await database.fetch(text("SELECT id FROM leases")) == []


async def test_a_late_finisher_changes_nothing_that_was_claimed_again(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    [id_] = await hand_in(database, facility, "1")
    [late] = await take(database, facility)
    await begin(database, late.lease)
    clock.pass_(LEASE_MS / 1000 + 1)
    await reclaim(database)
    [again] = await take(database, facility)
    assert (again.claimed_from, again.in_doubt) == (Status.UNSURE, True)
    await settle(database, [Settlement(late, Status.FAILED, problem="x")])
    assert (await row(database, id_)).status == "unsure"
    await settle(database, [sent(again)])
    assert (await row(database, id_)).status == "sent"
