"""Sequences: deliveries of one are sent one after the other in order of submission; others in parallel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.database.database import Database
from engine.delivery.status import Lane, Status
from engine.delivery.types import Channel, ClaimedDelivery, NewRecord, Settlement
from engine.facilities.facilities import FacilityRow
from engine.outbox.add import Batch, add
from engine.outbox.claim import claim
from engine.outbox.settle import settle
from engine.sending.prepare import Prepared, prepare_batch
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio

ONE_AFTER_THE_OTHER = CATALOG.replace(
    "needs: {visit: {spec: Visit", 'sequence: "{{ record.visit }}"\n    needs: {visit: {spec: Visit'
)


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


@pytest.fixture
async def in_order(tmp_path: Path, database_url: str, database: Database, clock: Clock) -> AsyncIterator[SmallHub]:
    """Yield a clinic whose findings of a visit go out one after the other; the first waits for the visit."""
    antar = await open_small_hub(tmp_path, database_url, clock, ONE_AFTER_THE_OTHER)
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    assert await antar.status("Finding", "F1") == "blocked"
    await antar.hand_in("Finding", {"id": "F2", "visit": "V1"})
    yield antar
    await antar.hub.close()


async def prepare(antar: SmallHub, claimed: list[ClaimedDelivery]) -> tuple[list[Prepared], list[Settlement]]:
    hub = antar.hub
    return await prepare_batch(hub.database, hub.catalog, antar.facility, "ministry", antar.ministry, claimed)


async def test_what_was_released_after_the_claim_is_not_overtaken(in_order: SmallHub) -> None:
    database = in_order.hub.database
    second = await take(database, in_order.facility)
    await in_order.hand_in("Visit", {"id": "V1"})
    [visit] = await take(database, in_order.facility)
    await settle(database, [Settlement(visit, Status.SENT, reference="id-V1", sent_version=1)])
    assert await in_order.status("Finding", "F1") == "queued"
    prepared, settled = await prepare(in_order, second)
    assert (prepared, [one.status for one in settled]) == ([], [Status.QUEUED])
    await settle(database, settled)
    await in_order.work()
    assert [payload["identifier"] for payload in in_order.ministry.posts] == ["F1", "F2"]


async def test_what_a_release_overlooked_is_not_overtaken(in_order: SmallHub) -> None:
    database = in_order.hub.database
    second = await take(database, in_order.facility)
    await in_order.hand_in("Visit", {"id": "V1"})
    # As if the wait of the first had been written while another worker settled the visit.
    arrived = text("UPDATE deliveries SET status = 'sent', due_at = NULL, reference = 'id-V1' WHERE key = 'V1'")
    await database.write_models(lambda tx: tx.execute(arrived))
    prepared, settled = await prepare(in_order, second)
    assert (prepared, await in_order.status("Finding", "F1")) == ([], "queued")
    await settle(database, settled)
    assert [delivery.key for delivery in await take(database, in_order.facility)] == ["F1"]


async def test_one_that_is_refused_does_not_hold_back_the_next(in_order: SmallHub) -> None:
    await in_order.hand_in("Visit", {"id": "V1"})
    in_order.ministry.script = [in_order.ministry.answer, refused(Verdict.REJECTED, 400)]
    await in_order.work()
    assert await in_order.status("Finding", "F1") == "failed"
    assert await in_order.status("Finding", "F2") == "sent"
