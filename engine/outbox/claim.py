"""Claims due deliveries of a channel for a worker, as a batch under one lease."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.database.transaction import Transaction
from engine.delivery.status import Lane, Status
from engine.delivery.types import MAX_DEATHS, Channel, ClaimedDelivery, Lease
from engine.outbox import counters

LEASE_MS = 60_000  # for which a batch is leased without a heartbeat
SUSPECT_DEATHS = MAX_DEATHS - 1  # deaths after which a delivery is sent alone, so that the next one affects no other


async def claim(
    database: Database, channel: Channel, limit: int, worker: str, *, idle: bool = True
) -> list[ClaimedDelivery]:
    """Claim up to `limit` due deliveries, ordered by lane and due time; return them, empty if nothing is due.

    When nothing else is due, an `idle` worker gets one delivery that other workers have died with.
    """
    return await database.write(lambda tx: _claim(tx, channel, limit, worker, idle))


async def _claim(tx: Transaction, channel: Channel, limit: int, worker: str, idle: bool) -> list[ClaimedDelivery]:
    now = tx.now
    lease = Lease(id=secrets.randbits(62), until=now + LEASE_MS, outstanding=0)
    parameters = {"upstream": channel.upstream, "facility": channel.facility_id, "now": now}
    parameters |= {"lease": lease.id, "suspect": SUSPECT_DEATHS}
    rows = await _take(tx, parameters, "deaths + 0 < :suspect", limit)
    if not rows and idle:
        rows = await _take(tx, parameters, "deaths + 0 >= :suspect", 1)
    if not rows:
        return []
    await tx.execute(
        text("INSERT INTO leases (id, worker, until, begun) VALUES (:id, :worker, :until, false)"),
        {"id": lease.id, "worker": worker, "until": lease.until},
    )
    deltas = counters.Deltas()
    deltas.move_all((row.facility_id, row.date, row.spec, row.claimed_from, Status.SENDING) for row in rows)
    await counters.apply(tx, deltas)
    lease.outstanding = len(rows)
    claimed = [_claimed(row, lease) for row in rows]
    return sorted(claimed, key=lambda delivery: (delivery.lane, delivery.id))


async def _take(tx: Transaction, parameters: Mapping[str, Any], condition: str, limit: int) -> list[Any]:
    # deaths + 0: with plain deaths PostgreSQL reads the whole table when its statistics know no such rows.
    statement = text(_CLAIM % (condition, tx.skip_locked))
    rows: list[Any] = []
    for lane in Lane:
        if len(rows) < limit:
            rows += await tx.rows(statement, {**parameters, "lane": int(lane), "limit": limit - len(rows)})
    return rows


def _claimed(row: Any, lease: Lease) -> ClaimedDelivery:
    # The columns of _CLAIM are the fields of ClaimedDelivery, in order.
    *fields, claimed_from, in_doubt = row
    return ClaimedDelivery(*fields, Status(claimed_from), bool(in_doubt), lease)  # type: ignore[call-arg]


# MATERIALIZED: PostgreSQL may run a subquery once for each row of the table. As the rows of one run are skipped by the
# next, it would claim more than `limit`.
_CLAIM = """
WITH due AS MATERIALIZED (
  SELECT id FROM deliveries
  WHERE upstream = :upstream AND facility_id = :facility AND lane = :lane AND due_at <= :now AND %s
    AND (sequence IS NULL OR NOT EXISTS (
      SELECT 1 FROM deliveries AS ahead
      WHERE ahead.facility_id = :facility AND ahead.upstream = :upstream AND ahead.sequence = deliveries.sequence
        AND ahead.id < deliveries.id AND ahead.status IN ('queued', 'sending', 'retrying', 'unsure')
    ))
  ORDER BY due_at, id LIMIT :limit %s
)
UPDATE deliveries SET status = 'sending', claimed_from = status, lease_id = :lease, due_at = NULL,
  tried_version = CASE WHEN in_doubt THEN tried_version END
WHERE id IN (SELECT id FROM due)
RETURNING id, facility_id, spec, upstream, key, date, record, body, version, tried_version, sent_version,
  reference, lane, tries, deaths, trigger, changed_at, sequence, claimed_from, in_doubt
"""


async def begin(database: Database, lease: Lease) -> bool:
    """Note in the lease that requests of the batch may leave from now on; return False if the lease is lost."""

    query = text("UPDATE leases SET begun = true WHERE id = :id")
    lease.begun = await database.write(Transaction.execute, query, {"id": lease.id}) == 1
    return lease.begun


async def heartbeat(database: Database, leases: Sequence[Lease]) -> None:
    """Extend the leases; one that a sweep has taken back meanwhile ends, so that no request begins under it."""
    until = database.clock() + LEASE_MS
    ids = f"(SELECT id FROM {database.rows({'id': 'bigint'}, 'ids')} AS v)"

    async def extend(tx: Transaction) -> set[int]:
        extended = await tx.rows(
            text(f"UPDATE leases SET until = :until WHERE id IN {ids} RETURNING id"),
            {"until": until, "ids": as_json([[lease.id] for lease in leases])},
        )
        return {row.id for row in extended}

    extended = await database.write(extend)
    for lease in leases:
        lease.until = until if lease.id in extended else 0


async def due_channels(database: Database, channels: Sequence[Channel]) -> list[Channel]:
    """Return the channels that have something due."""
    now = database.clock()
    due = []
    for channel in channels:
        parameters = {"upstream": channel.upstream, "facility": channel.facility_id, "now": now}
        if await database.fetch(text(_DUE), parameters):
            due.append(channel)
    return due


# Not EXISTS: PostgreSQL would read the table for the first matching row where it believes that most rows match.
_DUE = "SELECT 1 WHERE " + " OR ".join(
    "(SELECT id FROM deliveries WHERE upstream = :upstream AND facility_id = :facility "
    f"AND lane = {int(lane)} AND due_at <= :now ORDER BY due_at, id LIMIT 1) IS NOT NULL"
    for lane in Lane
)
