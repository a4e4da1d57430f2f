"""Claims due deliveries of a channel for a worker, as a batch under one lease."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

import orjson

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Lane, Status
from engine.delivery.types import MAX_DEATHS, Channel, ClaimedDelivery, Lease
from engine.outbox.locks import lock_claims

LEASE_MS = 60_000  # for which a batch is leased without a heartbeat
LIFE_MS = 10_000  # without a heartbeat, after which a worker has no slots of a channel any more
SUSPECT_DEATHS = MAX_DEATHS - 1  # deaths after which a delivery is sent alone, so that the next one affects no other


async def claim(
    database: Database,
    channel: Channel,
    limit: int,
    worker: str,
    *,
    in_flight: int = 0,
    idle: bool = True,
    probe: bool = False,
) -> list[ClaimedDelivery]:
    """Claim up to `limit` due deliveries, ordered by lane and due time; return them, empty if nothing is due.

    `in_flight` is how many the worker has already claimed in the channel. When nothing else is due, an `idle` worker
    gets one delivery that other workers have died with. Of a closed channel only a `probe` gets something; what is
    paused nobody gets.
    """
    return await database.write(_claim, channel, limit, worker, in_flight, idle, probe)


async def _claim(
    tx: Transaction, channel: Channel, limit: int, worker: str, in_flight: int, idle: bool, probe: bool
) -> list[ClaimedDelivery]:
    """Write the deliveries into the row of a lease; they themselves are written once, when they are settled."""
    await lock_claims(tx, [channel.facility_id])
    names = {"upstream": channel.upstream, "facility": channel.facility_id}
    parameters = {"now": tx.now, "limit": limit, "suspects": int(idle), "probe": int(probe)}
    rows = await tx.rows(_DUE, {**names, **parameters})
    if not rows:
        return []
    lease = Lease(id=secrets.randbits(62), until=tx.now + LEASE_MS, outstanding=len(rows))
    claimed = [ClaimedDelivery(*row[:-3], Status(row.status), bool(row.in_doubt), lease, row.replaced) for row in rows]
    of_lease = {"id": lease.id, "worker": worker, "until": lease.until, "slots": in_flight + len(rows)}
    await tx.execute(_LEASE, {**names, **of_lease, "batch": batch_text({d.id: d.content for d in claimed})})
    return sorted(claimed, key=attrgetter("lane", "id"))


def batch_text(batch: Mapping[int, int]) -> str:
    """Return a batch, id of the delivery -> content, as the lease stores it."""
    return orjson.dumps(batch, option=orjson.OPT_NON_STR_KEYS).decode()


def batch_of(stored: str) -> dict[int, int]:
    """Return the stored batch of a lease: id of the delivery -> content."""
    return {int(id_): content for id_, content in orjson.loads(stored).items()}


class _DueDelivery(NamedTuple):
    """A due delivery: the fields of ClaimedDelivery in order, without the lease."""

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
    status: str
    in_doubt: bool
    replaced: str | None


_COLUMNS = """id, facility_id, spec, upstream, key, date, record, body, version,
    CASE WHEN in_doubt THEN tried_version END AS tried_version, sent_version, reference, lane, tries, deaths, trigger,
    changed_at, sequence, status, in_doubt, replaced"""
# One statement for all lanes; each takes what the lanes before it leave of the limit.
# deaths + 0: with plain deaths PostgreSQL reads the whole table when its statistics know no such rows.
_LANE = f"""{{name}} AS MATERIALIZED (
  SELECT {_COLUMNS} FROM deliveries
  WHERE upstream = :upstream AND facility_id = :facility AND lane = {{lane}} AND due_at <= :now
    AND deaths + 0 {{compared}} {SUSPECT_DEATHS} AND id NOT IN (SELECT id FROM held) AND EXISTS (SELECT 1 FROM passable)
    AND spec NOT IN (SELECT spec FROM paused)
    AND (sequence IS NULL OR NOT EXISTS (
      SELECT 1 FROM deliveries AS ahead
      WHERE ahead.facility_id = :facility AND ahead.upstream = :upstream AND ahead.sequence = deliveries.sequence
        AND ahead.id < deliveries.id AND ahead.status IN ('queued', 'retrying', 'unsure')
    ))
  ORDER BY due_at, id LIMIT {{limit}}
)"""


_HELD = "held AS MATERIALIZED (SELECT delivery_id AS id FROM held_deliveries WHERE facility_id = :facility)"
# Few rows: pauses that have ended and whose deliveries have been returned are left out by an index.
_PAUSED = """paused AS MATERIALIZED (SELECT COALESCE(p.spec, '') AS spec FROM pauses AS p
  WHERE p.returned_at IS NULL AND p.ended_at IS NULL AND p.begins_at <= :now AND (p.ends_at IS NULL OR p.ends_at > :now)
    AND p.upstream = :upstream AND (p.facility_id = :facility OR p.facility_id IS NULL))"""
_PASSABLE = """passable AS MATERIALIZED (SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM paused WHERE spec = '')
  AND (:probe = 1 OR NOT EXISTS (
    SELECT 1 FROM channels AS c WHERE c.upstream = :upstream AND c.facility_id = :facility
  )))"""


def _due_sql() -> str:
    """Return the query of the due deliveries that no worker holds; suspects come alone, if there is nothing else."""
    parts, names, left = [], [], ":limit"
    for lane in Lane:
        names.append(f"lane_{lane.value}")
        parts.append(_LANE.format(name=names[-1], lane=lane.value, compared="<", limit=left))
        left += f" - (SELECT COUNT(*) FROM {names[-1]})"
    for lane in Lane:
        nothing = " AND ".join(f"NOT EXISTS (SELECT 1 FROM {name})" for name in names)
        limit = f"CASE WHEN :suspects = 1 AND {nothing} THEN 1 ELSE 0 END"
        names.append(f"suspect_{lane.value}")
        parts.append(_LANE.format(name=names[-1], lane=lane.value, compared=">=", limit=limit))
    lanes = " UNION ALL ".join(f"SELECT * FROM {name}" for name in names)
    return f"WITH {', '.join([_HELD, _PAUSED, _PASSABLE, *parts])} {lanes}"


_DUE = Statement(_due_sql(), _DueDelivery)
_LEASE = Command(
    """
INSERT INTO leases (id, worker, until, begun, upstream, facility_id, slots, batch)
VALUES (:id, :worker, :until, false, :upstream, :facility, :slots, :batch)
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
    rows = await database.returned(_BEGIN, parameters)
    lease.begun = bool(rows)
    return rows[0] if rows else None


async def heartbeat(database: Database, leases: Sequence[Lease]) -> None:
    """Extend the leases; one that a sweep has taken back meanwhile ends, so that no request begins under it."""
    until = database.clock() + LEASE_MS
    parameters = {"until": until, "ids": [lease.id for lease in leases]}
    extended = set(await database.returned(_EXTEND, parameters))
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
# In the order in which a settlement locks them.
_EXTEND = Statement(
    """
UPDATE leases SET until = :until
WHERE id IN (SELECT l.id FROM leases AS l WHERE l.id IN (SELECT id FROM {ids} AS v) ORDER BY l.id {FOR UPDATE})
RETURNING id
""",
    int,
    ids="id bigint",
)
