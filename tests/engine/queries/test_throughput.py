"""Throughput and backlog, without counting deliveries or attempts."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, text

from engine.database.database import Database
from engine.database.tables import Attempt
from engine.delivery.types import NewRecord
from engine.facilities.facilities import FacilityRow
from engine.outbox.add import Batch, add
from engine.queries.backlog import backlog
from engine.queries.throughput import DAY_MS, HOUR_MS, throughput
from tests.conftest import Clock

pytestmark = pytest.mark.anyio


async def handed_in(database: Database, facility: FacilityRow, *keys: str, spec: str = "Visit") -> list[int]:
    entries = [NewRecord(key=key, date="2026-03-10", record="{}", record_hash="a") for key in keys]
    return [id_ for id_, _ in await add(database, Batch(facility.id, spec, "ministry", updatable=True), entries)]


async def tried(database: Database, delivery: int, *ages: int, milliseconds: int = 10, **more: Any) -> None:
    """Store attempts that began that many milliseconds ago."""
    common = {
        "delivery_id": delivery,
        "facility_id": 1,
        "trigger": "auto",
        "spec_hash": "",
        "version": 1,
        "message": "",
    }
    common |= {"operation": "create", "verdict": "accepted", "milliseconds": milliseconds, **more}
    rows = [{**common, "at": database.clock() - age} for age in ages]
    await database.write_models(lambda tx: tx.execute(insert(Attempt), rows))


async def test_attempts_of_the_last_hour_and_day_are_told(database: Database, facility: FacilityRow) -> None:
    [delivery] = await handed_in(database, facility, "V1")
    await tried(database, delivery, *[2 * DAY_MS] * 5, *[DAY_MS - 1] * 7, HOUR_MS, HOUR_MS - 1, 0)
    pace = await throughput(database)
    assert (pace.last_hour, pace.last_day) == (3, 10)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
async def test_gaps_between_the_ids_do_no_harm(database: Database, facility: FacilityRow, n: int) -> None:
    [delivery] = await handed_in(database, facility, "V1")
    await tried(database, delivery, *[2 * DAY_MS] * n)
    await database.write_models(lambda tx: tx.execute(text("DELETE FROM attempts WHERE id % 2 = 0")))
    assert (await throughput(database)).last_hour == 0


async def test_latency_is_told_by_upstream_and_leaves_out_what_was_never_sent(
    database: Database, facility: FacilityRow
) -> None:
    [delivery] = await handed_in(database, facility, "V1")
    for milliseconds in (100, 200, 900):
        await tried(database, delivery, 0, milliseconds=milliseconds)
    await tried(database, delivery, 0, operation="check", milliseconds=0, verdict="rejected")
    await tried(database, delivery, 0, verdict="rejected", milliseconds=200)
    latency = (await throughput(database)).latency["ministry"]
    assert (latency.requests, latency.accepted, latency.median) == (4, 3, 200)
    assert latency.slow >= 900


async def test_what_waits_is_told_by_type_the_longest_first(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    await handed_in(database, facility, "F1", spec="Finding")
    clock.pass_(60)
    await handed_in(database, facility, "V1", "V2")
    waiting = await backlog(database, facility.id)
    assert [(entry.spec, entry.n, clock.now - entry.since) for entry in waiting] == [
        ("Finding", 1, 60_000),
        ("Visit", 2, 0),
    ]


async def test_nothing_waits_in_an_empty_house(database: Database, facility: FacilityRow) -> None:
    assert await backlog(database, facility.id) == []
    assert (await throughput(database)).latency == {}
