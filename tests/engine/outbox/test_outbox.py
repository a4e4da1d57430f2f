"""Outbox: deliveries are added, claimed, settled, released, resent."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text

from engine.database.database import Database
from engine.delivery.status import Status
from engine.delivery.types import (
    MAX_DEATHS,
    Added,
    Awaited,
    Channel,
    ClaimedDelivery,
    NewAttempt,
    NewRecord,
    Settlement,
)
from engine.facilities.facilities import FacilityRow
from engine.outbox import counters
from engine.outbox.add import Batch, add
from engine.outbox.claim import LEASE_MS, begin, claim, heartbeat
from engine.outbox.reclaim import reclaim, release_overlooked
from engine.outbox.resend import ActionResult, ignore, resend
from engine.outbox.settle import settle
from tests.conftest import Clock

pytestmark = pytest.mark.anyio


def entry(key: str, content: str = "a", date: str = "2026-03-10") -> NewRecord:
    return NewRecord(key=key, date=date, record=f'{{"id": "{key}", "content": "{content}"}}', record_hash=content)


def batch(facility: FacilityRow, spec: str = "Visit", updatable: bool = True) -> Batch:
    return Batch(facility.id, spec, "ministry", updatable)


async def hand_in(database: Database, facility: FacilityRow, *keys: str, spec: str = "Visit") -> list[int]:
    return [id_ for id_, _ in await add(database, batch(facility, spec), [entry(key) for key in keys])]


async def take(database: Database, facility: FacilityRow, limit: int = 100) -> list[ClaimedDelivery]:
    return await claim(database, Channel("ministry", facility.id), limit, "worker")


def sent(delivery: ClaimedDelivery, reference: str = "ref", **more: Any) -> Settlement:
    return Settlement(delivery, Status.SENT, tried=True, reference=reference, sent_version=delivery.version, **more)


def blocked(delivery: ClaimedDelivery, *waits: tuple[str, str]) -> Settlement:
    return Settlement(delivery, Status.BLOCKED, waits=tuple(Awaited((spec,), key) for spec, key in waits))


async def row(database: Database, id_: int) -> Any:
    [delivery] = await database.fetch(text("SELECT * FROM deliveries WHERE id = :id"), {"id": id_})
    return delivery


async def count(database: Database, table: str) -> int:
    [(n,)] = await database.fetch(text(f"SELECT COUNT(*) FROM {table}"))
    return int(n)


async def counters_are_right(database: Database) -> bool:
    return await counters.kept(database) == await counters.recount(database)


async def test_a_new_record_is_queued_and_due(database: Database, facility: FacilityRow, clock: Clock) -> None:
    [(id_, outcome)] = await add(database, batch(facility), [entry("1")])
    stored = await row(database, id_)
    assert (outcome, stored.status, stored.due_at, stored.version) == (Added.ACCEPTED, "queued", clock.now, 1)
    assert await counters_are_right(database)


async def test_the_same_content_again_changes_nothing(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    before = await row(database, id_)
    assert await add(database, batch(facility), [entry("1")]) == [(id_, Added.UNCHANGED)]
    assert await row(database, id_) == before


async def test_changes_within_one_batch_are_taken_in_order(database: Database, facility: FacilityRow) -> None:
    outcomes = await add(database, batch(facility), [entry("1", "a"), entry("1", "a"), entry("1", "b")])
    assert [outcome for _, outcome in outcomes] == [Added.ACCEPTED, Added.UNCHANGED, Added.CHANGED]
    stored = await row(database, outcomes[0][0])
    assert (stored.record_hash, stored.version) == ("b", 2)


async def test_a_changed_sent_record_is_due_as_an_update(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    await settle(database, [sent((await take(database, facility))[0])])
    await add(database, batch(facility), [entry("1", "b", date="2026-03-11")])
    stored = await row(database, id_)
    assert (stored.status, stored.reference, stored.version, stored.sent_version) == ("queued", "ref", 2, 1)
    assert await counters_are_right(database)


async def test_a_change_of_what_cannot_be_updated_is_only_noted(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    await settle(database, [sent((await take(database, facility))[0])])
    await add(database, batch(facility, updatable=False), [entry("1", "b")])
    stored = await row(database, id_)
    assert (stored.status, stored.version, stored.sent_version) == ("sent", 2, 1)


async def test_a_change_while_it_is_being_sent_is_due_after_it(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    [delivery] = await take(database, facility)
    await add(database, batch(facility), [entry("1", "b", date="2026-03-11")])
    assert (await row(database, id_)).status == "queued"
    assert await take(database, facility) == []
    due, _ = await settle(database, [sent(delivery)])
    stored = await row(database, id_)
    assert due == {Channel("ministry", facility.id)}
    assert (stored.status, stored.reference, stored.sent_version, stored.version) == ("queued", "ref", 1, 2)
    assert await counters_are_right(database)


async def test_what_is_claimed_is_not_claimed_again(database: Database, facility: FacilityRow) -> None:
    await hand_in(database, facility, "1", "2", "3")
    first, second = await take(database, facility, 2), await take(database, facility)
    assert [delivery.key for delivery in first + second] == ["1", "2", "3"]
    assert await take(database, facility) == []
    assert await counters_are_right(database)


async def test_what_waits_is_released_through_a_chain(database: Database, facility: FacilityRow) -> None:
    ids = await hand_in(database, facility, "1", "2", "3")
    one, two, three = await take(database, facility)
    await settle(database, [blocked(two, ("Visit", "1")), blocked(three, ("Visit", "1"), ("Visit", "2"))])
    await settle(database, [sent(one)])
    assert [(await row(database, id_)).status for id_ in ids] == ["sent", "queued", "blocked"]
    await settle(database, [sent((await take(database, facility))[0])])
    assert (await row(database, ids[2])).status == "queued"
    assert await count(database, "waits") == 0
    assert await counters_are_right(database)


async def test_an_overlooked_wait_is_let_go_by_the_sweep(database: Database, facility: FacilityRow) -> None:
    await hand_in(database, facility, "1", "2")
    one, two = await take(database, facility)
    await settle(database, [sent(one)])
    await settle(database, [blocked(two, ("Visit", "1"))])
    assert (await row(database, two.id)).status == "blocked"
    assert await release_overlooked(database) == {Channel("ministry", facility.id)}
    assert (await row(database, two.id)).status == "queued"


async def test_a_late_finisher_cannot_overwrite_but_its_attempt_is_kept(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    await hand_in(database, facility, "1")
    [delivery] = await take(database, facility)
    clock.pass_(LEASE_MS / 1000 + 1)
    await reclaim(database)
    attempt = NewAttempt(at=clock.now, milliseconds=1, operation="create", spec_hash="", verdict="accepted", message="")
    await settle(database, [sent(delivery, attempts=(attempt,))])
    assert (await row(database, delivery.id)).status == "queued"
    assert await count(database, "attempts") == 1
    assert await counters_are_right(database)


@pytest.mark.parametrize(("begun", "status", "in_doubt"), [(False, "queued", False), (True, "unsure", True)])
async def test_what_a_dead_worker_held_comes_back(
    database: Database, facility: FacilityRow, clock: Clock, begun: bool, status: str, in_doubt: bool
) -> None:
    [id_] = await hand_in(database, facility, "1")
    [delivery] = await take(database, facility)
    if begun:
        assert await begin(database, delivery.lease)
    clock.pass_(LEASE_MS / 1000 + 1)
    assert await reclaim(database) == {Channel("ministry", facility.id)}
    stored = await row(database, id_)
    assert (stored.status, bool(stored.in_doubt), stored.due_at) == (status, in_doubt, clock.now)
    assert await count(database, "attempts") == int(begun)
    assert await reclaim(database) == set()
    assert await counters_are_right(database)


async def test_a_heartbeat_holds_the_lease(database: Database, facility: FacilityRow, clock: Clock) -> None:
    await hand_in(database, facility, "1")
    [delivery] = await take(database, facility)
    clock.pass_(LEASE_MS / 1000 - 1)
    await heartbeat(database, [delivery.lease])
    clock.pass_(LEASE_MS / 1000 - 1)
    assert await reclaim(database) == set()
    assert delivery.lease.until > clock.now


async def test_the_third_death_sets_the_delivery_aside(database: Database, facility: FacilityRow, clock: Clock) -> None:
    [id_] = await hand_in(database, facility, "1")
    for _ in range(MAX_DEATHS):
        await take(database, facility)
        clock.pass_(LEASE_MS / 1000 + 1)
        await reclaim(database)
    stored = await row(database, id_)
    assert (stored.status, stored.due_at, stored.deaths) == ("failed", None, MAX_DEATHS)
    assert await counters_are_right(database)


async def test_what_workers_died_with_twice_comes_last_and_alone(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    suspects = await hand_in(database, facility, "1", "2", "3")
    for _ in range(MAX_DEATHS - 1):
        await take(database, facility)
        clock.pass_(LEASE_MS / 1000 + 1)
        await reclaim(database)
    [other] = await hand_in(database, facility, "4")
    channel = Channel("ministry", facility.id)
    assert [claimed.id for claimed in await take(database, facility)] == [other]
    assert await claim(database, channel, 10, "worker", idle=False) == []
    assert [len(await take(database, facility)) for _ in range(4)] == [1, 1, 1, 0]
    clock.pass_(LEASE_MS / 1000 + 1)
    await reclaim(database)
    assert {(await row(database, id_)).status for id_ in suspects} == {"failed"}


async def test_the_last_settlement_of_a_batch_ends_its_lease(database: Database, facility: FacilityRow) -> None:
    await hand_in(database, facility, "1", "2")
    deliveries = await take(database, facility)
    await settle(database, [sent(deliveries[0])])
    assert await count(database, "leases") == 1
    await settle(database, [sent(deliveries[1])])
    assert await count(database, "leases") == 0


async def test_many_resends_of_one_failed_delivery_count_once(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    await settle(database, [Settlement((await take(database, facility))[0], Status.FAILED, problem="x")])
    first = await resend(database, facility.id, [id_], "sari")
    second = await resend(database, facility.id, [id_], "budi")
    assert (first, second) == ({id_: ActionResult.DONE}, {id_: ActionResult.ALREADY})
    assert (await row(database, id_)).trigger == "resend: sari"
    assert await counters_are_right(database)


async def test_what_was_sent_is_sent_again_only_by_force(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    await settle(database, [sent((await take(database, facility))[0])])
    assert await resend(database, facility.id, [id_], "sari") == {id_: ActionResult.NEEDS_FORCE}
    assert await resend(database, facility.id, [id_], "sari", force=True, reason="x") == {id_: ActionResult.DONE}
    assert await count(database, "audit") == 1


async def test_another_facilitys_delivery_is_missing(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    assert await resend(database, facility.id + 1, [id_], "sari") == {id_: ActionResult.MISSING}


async def test_what_is_set_aside_is_due_no_more(database: Database, facility: FacilityRow) -> None:
    [id_] = await hand_in(database, facility, "1")
    assert await ignore(database, facility.id, [id_], "sari", reason="uji coba") == {id_: ActionResult.DONE}
    stored = await row(database, id_)
    assert (stored.status, stored.due_at) == ("ignored", None)
    assert await take(database, facility) == []
    assert await counters_are_right(database)


async def test_no_more_is_claimed_than_was_asked_for_whatever_a_planner_believes(
    database: Database, facility: FacilityRow
) -> None:
    await add(database, batch(facility), [entry("0")])
    await database.write_models(lambda tx: tx.execute(text("ANALYZE deliveries")))
    await add(database, batch(facility), [entry(str(n)) for n in range(1, 5)])
    assert len(await take(database, facility, limit=2)) == 2


async def test_lanes_go_first_then_the_longest_due(database: Database, facility: FacilityRow, clock: Clock) -> None:
    await add(database, batch(facility), [structs.replace(entry("old"), lane=3)])
    clock.pass_(1)
    await hand_in(database, facility, "b")
    assert [delivery.key for delivery in await take(database, facility)] == ["b", "old"]
