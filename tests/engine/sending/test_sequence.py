"""Sequences: deliveries of one are sent one after the other in order of submission; others in parallel."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.delivery.status import Lane, Status
from engine.delivery.types import Channel, ClaimedDelivery, NewRecord, Settlement
from engine.facilities.facilities import FacilityRow
from engine.outbox.add import Batch, add
from engine.outbox.claim import claim
from engine.outbox.settle import settle
from tests.conftest import Clock

pytestmark = pytest.mark.anyio


async def hand_in(database: Database, facility: FacilityRow, *entries: tuple[str, str | None, Lane]) -> None:
    rows = [
        NewRecord(key=key, date="2026-03-10", record="{}", record_hash=key, sequence=sequence, lane=lane)
        for key, sequence, lane in entries
    ]
    await add(database, Batch(facility.id, "Visit", "ministry", True), rows)


async def take(database: Database, facility: FacilityRow) -> list[ClaimedDelivery]:
    return await claim(database, Channel("ministry", facility.id), 100, "worker")


async def end(database: Database, delivery: ClaimedDelivery, status: Status, due_at: int | None = None) -> set[Channel]:
    return (await settle(database, [Settlement(delivery, status, due_at=due_at)])).due


async def test_only_the_first_of_a_sequence_is_claimed(database: Database, facility: FacilityRow) -> None:
    await hand_in(database, facility, ("a1", "a", Lane.TODAY), ("a2", "a", Lane.TODAY), ("b1", "b", Lane.TODAY))
    await hand_in(database, facility, ("c", None, Lane.TODAY), ("d", None, Lane.TODAY))
    assert {delivery.key for delivery in await take(database, facility)} == {"a1", "b1", "c", "d"}
    assert await take(database, facility) == []


@pytest.mark.parametrize("status", [Status.SENT, Status.FAILED, Status.IGNORED, Status.BLOCKED])
async def test_the_next_follows_when_the_first_has_ended(
    database: Database, facility: FacilityRow, status: Status
) -> None:
    await hand_in(database, facility, ("a1", "a", Lane.TODAY), ("a2", "a", Lane.TODAY))
    [first] = await take(database, facility)
    assert await end(database, first, status) == {Channel("ministry", facility.id)}
    assert [delivery.key for delivery in await take(database, facility)] == ["a2"]


@pytest.mark.parametrize("status", [Status.RETRYING, Status.UNSURE])
async def test_what_may_still_go_out_holds_back_the_next(
    database: Database, facility: FacilityRow, clock: Clock, status: Status
) -> None:
    await hand_in(database, facility, ("a1", "a", Lane.TODAY), ("a2", "a", Lane.TODAY))
    [first] = await take(database, facility)
    await end(database, first, status, due_at=clock() + 60_000)
    assert await take(database, facility) == []
    clock.pass_(61)
    assert [delivery.key for delivery in await take(database, facility)] == ["a1"]


async def test_a_quicker_lane_overtakes_nobody_of_its_sequence(database: Database, facility: FacilityRow) -> None:
    await hand_in(database, facility, ("a1", "a", Lane.BACKFILL), ("a2", "a", Lane.TODAY))
    assert [delivery.key for delivery in await take(database, facility)] == ["a1"]


async def test_another_upstream_has_sequences_of_its_own(database: Database, facility: FacilityRow) -> None:
    await hand_in(database, facility, ("a1", "a", Lane.TODAY))
    await take(database, facility)
    await hand_in(database, facility, ("a2", "a", Lane.TODAY))
    moved = text("UPDATE deliveries SET upstream = 'other' WHERE key = 'a1'")
    await database.write_models(lambda tx: tx.execute(moved))
    assert [delivery.key for delivery in await take(database, facility)] == ["a2"]
