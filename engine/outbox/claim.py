"""Deliveries out: a worker takes a batch of one channel under a lease."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine import counters
from engine.database import Database
from engine.models import Lane, Status
from engine.outbox.entries import Channel, Claimed, Lease

LEASE = 60_000
"""Milliseconds a batch is held without a heartbeat."""


async def claim(database: Database, channel: Channel, limit: int, worker: str) -> list[Claimed]:
    """Up to `limit` due deliveries, lanes first, then the longest due; empty if nothing is due."""
    return await database.write(lambda connection: _claim(database, connection, channel, limit, worker))


async def _claim(
    database: Database, connection: AsyncConnection, channel: Channel, limit: int, worker: str
) -> list[Claimed]:
    now = database.clock()
    lease = Lease(id=secrets.randbits(62), until=now + LEASE, outstanding=0)
    rows: list[Any] = []
    for lane in Lane:
        if len(rows) < limit:
            parameters = {
                "upstream": channel.upstream,
                "facility": channel.facility_id,
                "lane": int(lane),
                "now": now,
                "limit": limit - len(rows),
                "lease": lease.id,
            }
            rows += (await connection.execute(text(_CLAIM % database.skip_locked), parameters)).all()
    if not rows:
        return []
    await connection.execute(
        text("INSERT INTO leases (id, worker, until, begun) VALUES (:id, :worker, :until, false)"),
        {"id": lease.id, "worker": worker, "until": lease.until},
    )
    deltas = counters.Deltas()
    for row in rows:
        deltas.move(row.facility_id, row.date, row.spec, row.claimed_from, Status.SENDING)
    await counters.apply(database, connection, deltas)
    lease.outstanding = len(rows)
    claimed = [_claimed(row, lease) for row in rows]
    return sorted(claimed, key=lambda delivery: (delivery.lane, delivery.id))


def _claimed(row: Any, lease: Lease) -> Claimed:
    return Claimed(
        **{**row._mapping, "claimed_from": Status(row.claimed_from), "in_doubt": bool(row.in_doubt)}, lease=lease
    )


_CLAIM = """
UPDATE deliveries SET status = 'sending', claimed_from = status, lease_id = :lease, due_at = NULL
WHERE id IN (
  SELECT id FROM deliveries
  WHERE upstream = :upstream AND facility_id = :facility AND lane = :lane AND due_at <= :now
  ORDER BY due_at, id LIMIT :limit %s
)
RETURNING id, facility_id, spec, upstream, key, date, record, version, tried_version, reference, claimed_from,
  in_doubt, lane, tries, deaths, trigger
"""


async def begin(database: Database, lease: Lease) -> bool:
    """Mark that requests of the batch may leave from now on; False if the lease is lost."""

    async def mark(connection: AsyncConnection) -> bool:
        done = await connection.execute(text("UPDATE leases SET begun = true WHERE id = :id"), {"id": lease.id})
        return done.rowcount == 1

    lease.begun = await database.write(mark)
    return lease.begun


async def heartbeat(database: Database, worker: str, leases: Sequence[Lease]) -> None:
    """Hold on to the batches; what does not come through in time is reclaimed by a sweep."""
    until = database.clock() + LEASE

    async def push(connection: AsyncConnection) -> None:
        await connection.execute(
            text("UPDATE leases SET until = :until WHERE worker = :worker"), {"until": until, "worker": worker}
        )

    await database.write(push)
    for lease in leases:
        lease.until = until


async def due_channels(database: Database, specs: Sequence[tuple[str, int]]) -> list[Channel]:
    """Of the (upstream, facility) pairs, those with something due."""
    now = database.clock()
    due = []
    async with database.read() as connection:
        for upstream, facility_id in specs:
            found = await connection.execute(text(_DUE), {"upstream": upstream, "facility": facility_id, "now": now})
            if found.first():
                due.append(Channel(upstream, facility_id))
    return due


_DUE = "SELECT 1 WHERE " + " OR ".join(
    "EXISTS (SELECT 1 FROM deliveries WHERE upstream = :upstream AND facility_id = :facility "
    f"AND lane = {int(lane)} AND due_at <= :now)"
    for lane in Lane
)
