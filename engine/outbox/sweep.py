"""Finds what is due and takes back what dead workers held; safe to run in every worker at once."""

from __future__ import annotations

from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.status import Lane
from engine.delivery.types import Channel
from engine.outbox.delayed_resend import make_scheduled_due
from engine.outbox.reclaim import reclaim, release_overlooked


async def sweep(database: Database, *, thorough: bool = False, taking_back: bool = True) -> set[Channel]:
    """Take back ended leases, release overlooked waits and delayed resends; return the channels they are due in."""
    due = await reclaim(database) if taking_back else set()
    due |= await make_scheduled_due(database)
    return due | await release_overlooked(database, everything=thorough)


async def due_channels(database: Database) -> set[Channel]:
    """Return the channels that have something due which no worker holds.

    Closed channels whose next probe is not due yet, and paused ones, are left out.
    """
    return {Channel(*row) for row in await database.fetch(_DUE, {"now": database.clock()})}


async def scheduled_channels(database: Database) -> list[Channel]:
    """Return the channels that have something due now or later."""
    return [Channel(*row) for row in await database.fetch(_SCHEDULED)]


async def oldest_due(database: Database) -> dict[Channel, int]:
    """Return for each channel when the delivery that has waited longest for a worker became due (epoch ms).

    What is paused waits for no worker.
    """
    rows = await database.fetch(_OLDEST, {"now": database.clock()})
    return {Channel(row.upstream, row.facility_id): row.due_at for row in rows if row.due_at is not None}


class _Queue(NamedTuple):
    upstream: str
    facility_id: int


class _OldestDue(NamedTuple):
    upstream: str
    facility_id: int
    due_at: int | None


# One look-up in the index of due deliveries for each channel that is in it: the query jumps from one to the next, where
# DISTINCT would read everything that is due. ORDER BY with LIMIT, not MIN: with old statistics PostgreSQL may read all
# rows of a channel for its MIN.
QUEUES = """
WITH RECURSIVE names(name) AS (
  SELECT (SELECT upstream FROM deliveries WHERE due_at IS NOT NULL ORDER BY upstream LIMIT 1)
  UNION ALL
  SELECT (SELECT upstream FROM deliveries WHERE due_at IS NOT NULL AND upstream > names.name ORDER BY upstream LIMIT 1)
  FROM names WHERE names.name IS NOT NULL
), queues(upstream, facility_id) AS (
  SELECT name, (SELECT facility_id FROM deliveries
    WHERE upstream = name AND due_at IS NOT NULL ORDER BY facility_id LIMIT 1)
  FROM names WHERE name IS NOT NULL
  UNION ALL
  SELECT upstream, (SELECT d.facility_id FROM deliveries AS d
    WHERE d.upstream = queues.upstream AND d.facility_id > queues.facility_id AND d.due_at IS NOT NULL
    ORDER BY d.facility_id LIMIT 1)
  FROM queues WHERE facility_id IS NOT NULL
)
"""
NOT_HELD = "d.id NOT IN (SELECT delivery_id FROM held_deliveries)"
# The whole upstream is not paused. Deliveries of paused types are in lanes of their own.
NOT_PAUSED = """NOT EXISTS (SELECT 1 FROM pauses AS p WHERE p.returned_at IS NULL AND p.ended_at IS NULL
  AND p.spec IS NULL AND p.upstream = {upstream} AND (p.facility_id = {facility} OR p.facility_id IS NULL)
  AND p.begins_at <= :now AND (p.ends_at IS NULL OR p.ends_at > :now))"""
_IS_NOT_PAUSED = NOT_PAUSED.format(upstream="q.upstream", facility="q.facility_id")
_LANES = " UNION ALL ".join(
    "SELECT (SELECT d.due_at FROM deliveries AS d WHERE d.upstream = q.upstream AND d.facility_id = q.facility_id "
    f"AND d.lane = {int(lane)} AND d.due_at <= :now AND {NOT_HELD} ORDER BY d.due_at, d.id LIMIT 1) AS due_at"
    for lane in Lane
)
_OLDEST = Statement(
    f"""
{QUEUES}
SELECT q.upstream, q.facility_id, (SELECT MIN(l.due_at) FROM ({_LANES}) AS l) AS due_at FROM queues AS q
WHERE q.facility_id IS NOT NULL AND {_IS_NOT_PAUSED}
""",
    _OldestDue,
)
_SCHEDULED = Statement(f"{QUEUES} SELECT upstream, facility_id FROM queues WHERE facility_id IS NOT NULL", _Queue)
# Not EXISTS: PostgreSQL would read the table for the first matching row where it believes that most rows match.
_DUE = Statement(
    f"""
{QUEUES}
SELECT q.upstream, q.facility_id FROM queues AS q
LEFT JOIN channels AS c ON c.facility_id = q.facility_id AND c.upstream = q.upstream AND c.probe_at > :now
WHERE q.facility_id IS NOT NULL AND c.facility_id IS NULL AND {_IS_NOT_PAUSED} AND (
"""
    + " OR ".join(
        "(SELECT d.id FROM deliveries AS d WHERE d.upstream = q.upstream AND d.facility_id = q.facility_id "
        f"AND d.lane = {int(lane)} AND d.due_at <= :now AND {NOT_HELD} ORDER BY d.due_at, d.id LIMIT 1) IS NOT NULL"
        for lane in Lane
    )
    + ")",
    _Queue,
)
