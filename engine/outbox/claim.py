"""Claims due deliveries of a channel for a worker, as a batch under one lease."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import DIALECTS, Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Lane, Status
from engine.delivery.types import MAX_DEATHS, Channel, ClaimedDelivery, Lease
from engine.outbox import counters

LEASE_MS = 60_000  # for which a batch is leased without a heartbeat
LIFE_MS = 10_000  # without a heartbeat, after which a worker has no slots of a channel any more
SUSPECT_DEATHS = MAX_DEATHS - 1  # deaths after which a delivery is sent alone, so that the next one affects no other


async def claim(
    database: Database, channel: Channel, limit: int, worker: str, *, in_flight: int = 0, idle: bool = True
) -> list[ClaimedDelivery]:
    """Claim up to `limit` due deliveries, ordered by lane and due time; return them, empty if nothing is due.

    `in_flight` is how many the worker has already claimed in the channel. When nothing else is due, an `idle` worker
    gets one delivery that other workers have died with.
    """
    return await database.write(_claim, channel, limit, worker, in_flight, idle)


async def _claim(
    tx: Transaction, channel: Channel, limit: int, worker: str, in_flight: int, idle: bool
) -> list[ClaimedDelivery]:
    now = tx.now
    lease = Lease(id=secrets.randbits(62), until=now + LEASE_MS, outstanding=0)
    parameters = {"upstream": channel.upstream, "facility": channel.facility_id, "now": now}
    parameters |= {"lease": lease.id, "suspect": SUSPECT_DEATHS}
    rows = await tx.rows(_CLAIM[tx.dialect], {**parameters, "limit": limit})
    if not rows and idle:
        rows = await tx.rows(_CLAIM_SUSPECT[tx.dialect], {**parameters, "limit": 1})
    if not rows:
        return []
    names = {"upstream": channel.upstream, "facility": channel.facility_id, "slots": in_flight + len(rows)}
    await tx.execute(_LEASE, {"id": lease.id, "worker": worker, "until": lease.until, **names})
    deltas = counters.Deltas()
    deltas.move_all((row.facility_id, row.date, row.spec, row.claimed_from, Status.SENDING) for row in rows)
    await counters.apply(tx, deltas)
    lease.outstanding = len(rows)
    claimed = [_claimed(row, lease) for row in rows]
    return sorted(claimed, key=lambda delivery: (delivery.lane, delivery.id))


def _claimed(row: _Claimed, lease: Lease) -> ClaimedDelivery:
    return ClaimedDelivery(*row[:-2], Status(row.claimed_from), bool(row.in_doubt), lease)


class _Claimed(NamedTuple):
    """A row of _CLAIM: the fields of ClaimedDelivery in order, without the lease."""

    id: int
    facility_id: int
    spec: str
    upstream: str
    key: str
    date: str
    record: str
    body: str | None
    version: int
    tried_version: int | None
    sent_version: int | None
    reference: str | None
    lane: int
    tries: int
    deaths: int
    trigger: str
    changed_at: int
    sequence: str | None
    claimed_from: str
    in_doubt: bool


# One statement for all lanes; each takes what the lanes before it leave of the limit.
# MATERIALIZED: PostgreSQL may run a subquery once for each row of the table. As the rows of one run are skipped by the
# next, it would claim more than `limit`.
# deaths + 0: with plain deaths PostgreSQL reads the whole table when its statistics know no such rows.
_LANE = """lane_%(lane)s AS MATERIALIZED (
  SELECT id FROM deliveries
  WHERE upstream = :upstream AND facility_id = :facility AND lane = %(lane)s AND due_at <= :now
    AND deaths + 0 %(compared)s :suspect
    AND (sequence IS NULL OR NOT EXISTS (
      SELECT 1 FROM deliveries AS ahead
      WHERE ahead.facility_id = :facility AND ahead.upstream = :upstream AND ahead.sequence = deliveries.sequence
        AND ahead.id < deliveries.id AND ahead.status IN ('queued', 'sending', 'retrying', 'unsure')
    ))
  ORDER BY due_at, id LIMIT %(limit)s {FOR UPDATE SKIP LOCKED}
)"""
# ANY of an array on PostgreSQL: a join reads the table when its statistics know no due deliveries.
_AMONG = {"sqlite": "IN (%s)", "postgresql": "= ANY(ARRAY(%s))"}


def _claim_sql(dialect: str, compared: str) -> str:
    left, lanes, names = ":limit", [], [f"lane_{lane.value}" for lane in Lane]
    for lane in Lane:
        lanes.append(_LANE % {"lane": lane.value, "compared": compared, "limit": left})
        left += f" - (SELECT COUNT(*) FROM lane_{lane.value})"
    claimed = " UNION ALL ".join(f"SELECT id FROM {name}" for name in names)
    return f"""
WITH {", ".join(lanes)}
UPDATE deliveries SET status = 'sending', claimed_from = status, lease_id = :lease, due_at = NULL,
  tried_version = CASE WHEN in_doubt THEN tried_version END
WHERE id {_AMONG[dialect] % claimed}
RETURNING id, facility_id, spec, upstream, key, date, record, body, version, tried_version, sent_version,
  reference, lane, tries, deaths, trigger, changed_at, sequence, claimed_from, in_doubt
"""


_CLAIM = {dialect: Statement(_claim_sql(dialect, "<"), _Claimed, only=dialect) for dialect in DIALECTS}
_CLAIM_SUSPECT = {dialect: Statement(_claim_sql(dialect, ">="), _Claimed, only=dialect) for dialect in DIALECTS}
_LEASE = Command(
    """
INSERT INTO leases (id, worker, until, begun, upstream, facility_id, slots)
VALUES (:id, :worker, :until, false, :upstream, :facility, :slots)
"""
)


class BegunBatch(NamedTuple):
    """A batch whose requests may leave; `shared` says that another worker drains its channel too."""

    shared: bool


async def begin(database: Database, lease: Lease) -> BegunBatch | None:
    """Note in the lease that requests of the batch may leave from now on; return None if the lease is lost.

    Of two workers that begin in one channel at the same time, the later one sees the lease of the other.
    """
    now = database.clock()
    parameters = {"id": lease.id, "now": now, "alive": now + LEASE_MS - LIFE_MS}
    rows = await database.write(Transaction.rows, _BEGIN, parameters)
    lease.begun = bool(rows)
    return rows[0] if rows else None


async def heartbeat(database: Database, leases: Sequence[Lease]) -> None:
    """Extend the leases; one that a sweep has taken back meanwhile ends, so that no request begins under it."""
    until = database.clock() + LEASE_MS
    parameters = {"until": until, "ids": [lease.id for lease in leases]}
    extended = set(await database.write(Transaction.rows, _EXTEND, parameters))
    for lease in leases:
        lease.until = until if lease.id in extended else 0


_BEGIN = Statement(
    """
UPDATE leases SET begun = true WHERE id = :id RETURNING (EXISTS (
  SELECT 1 FROM leases AS o WHERE o.upstream = leases.upstream AND o.facility_id = leases.facility_id
    AND o.worker <> leases.worker AND o.until > :alive
) OR EXISTS (
  SELECT 1 FROM drains AS d WHERE d.upstream = leases.upstream AND d.facility_id = leases.facility_id
    AND d.worker <> leases.worker AND d.until >= :now
)) AS shared
""",
    BegunBatch,
)
_EXTEND = Statement(
    "UPDATE leases SET until = :until WHERE id IN (SELECT id FROM {ids} AS v) RETURNING id", int, ids="id bigint"
)
