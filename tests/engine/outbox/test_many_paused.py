"""Thirty thousand paused deliveries in front: put aside once, and no claim or sweep goes through them again."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.delivery.status import PAUSED_LANES
from engine.due_times import heal
from engine.health import channels
from engine.outbox.claim import claim
from engine.outbox.pauses import pauses
from engine.outbox.pauses.lanes import keep_lanes
from engine.outbox.pauses.pauses import NewPause
from engine.outbox.sweep import due_channels, oldest_due, sweep
from tests.engine.database.plans import reading
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

PAUSED = 30_000
LIMIT = 200  # rows that one statement may read
_QUEUED = """
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :paused)
INSERT INTO deliveries (facility_id, spec, upstream, key, date, record, record_hash, version, status, in_doubt, lane,
  due_at, tries, deaths, trigger, created_at, changed_at)
SELECT CAST(:facility AS INTEGER), 'Visit', 'ministry', 'X' || n, '2026-03-10', '{}', 'x', 1, 'queued', false, 0,
  CAST(:due AS BIGINT) + n, 0, 0, 'auto', CAST(:due AS BIGINT), CAST(:due AS BIGINT) FROM n
"""
_LEFT = f"SELECT COUNT(*) FROM deliveries WHERE spec = 'Visit' AND lane < {PAUSED_LANES}"


async def execute(antar: SmallHub, sql: str, **names: int) -> None:
    statement = text(sql)
    await antar.hub.database.write_models(lambda tx: tx.execute(statement, names))


async def left(database: Database) -> int:
    [(n,)] = await database.fetch(text(_LEFT))
    return int(n)


async def test_nothing_goes_through_what_is_paused(antar: SmallHub, database: Database) -> None:
    await execute(antar, _QUEUED, paused=PAUSED, facility=antar.facility.id, due=antar.clock() - 2 * PAUSED)
    await execute(antar, "ANALYZE")
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    begun = await pauses.begin(database, NewPause(antar.facility.id, "ministry", "uji", ("Visit",)), "sari")
    assert isinstance(begun, list)
    sweeps = 0
    while await left(database):
        await keep_lanes(database)
        sweeps += 1
    assert sweeps <= 5
    with reading() as seen:
        await keep_lanes(database)
        await sweep(database)
        await heal(database, antar.hub.catalog)
        assert await due_channels(database) == {antar.channel}
        assert await oldest_due(database) == {antar.channel: antar.clock()}
        await channels(antar.hub, antar.facility.id)
        assert [delivery.key for delivery in await claim(database, antar.channel, 200, "worker")] == ["P1"]
        assert await due_channels(database) == set()
    assert not (over := seen.over(LIMIT)), over
    await pauses.end(database, begun[0], "sari")
    while await keep_lanes(database):
        pass
    first = [delivery.key for delivery in await claim(database, antar.channel, 3, "worker")]
    assert first == ["X1", "X2", "X3"]
    for table in ("leases", "deliveries"):
        await execute(antar, f"DELETE FROM {table}")
    await execute(antar, "DELETE FROM counters")
