"""Takes back the deliveries of a dead worker: queued again if no request had begun, otherwise unsure."""

from __future__ import annotations

from typing import NamedTuple

import structlog

from adapters.messages import message
from engine.database.database import Database
from engine.database.statements import Statement
from engine.database.transaction import Transaction
from engine.delivery.causes import CauseKind, cause_text
from engine.delivery.types import MAX_DEATHS, Channel
from engine.outbox import counters
from engine.outbox.claim import batch_of
from engine.outbox.waits import IS_SET_ASIDE, ArrivedRecord, release_and_count
from engine.telemetry.metrics import metrics

log = structlog.get_logger(__name__)

RACE_MS = 120_000  # after which no transaction that overlooked a wait can still be open


async def reclaim(database: Database) -> set[Channel]:
    """Take back the batches whose lease ended; return their channels. Safe to run in several processes at once."""
    due: set[Channel] = set()
    for lease_id in await database.fetch(_ENDED, {"now": database.clock()}):
        due |= await database.write(_take_back, lease_id)
    return due


async def _take_back(tx: Transaction, lease_id: int) -> set[Channel]:
    now = tx.now
    lease = await tx.first(_END, {"id": lease_id, "now": now})
    if lease is None:  # the heartbeat came after all, or another sweep was quicker
        return set()
    begun, batch = bool(lease.begun), batch_of(lease.batch)
    parameters = {"now": now, "begun": int(begun), "deaths": MAX_DEATHS, "quarantine": QUARANTINE, "cause": LOST}
    before = {row.id: row.status for row in await tx.rows(_HELD, {"ids": list(batch)})}
    rows = await tx.rows(_TAKE_BACK, {**parameters, "rows": list(batch.items())})
    deltas = counters.Deltas()
    for row in rows:
        deltas.move(row.facility_id, row.date, row.spec, before[row.id], row.status)
    await counters.apply(tx, deltas)
    if begun and rows:
        await tx.insert("attempts", _LOST_COLUMNS, [_lost(row, abs(batch[row.id]), now) for row in rows])
    if rows:
        metrics().returned(len(rows))
        log.warning("taken_back", lease=lease_id, begun=begun, deliveries=[row.id for row in rows])
    return {Channel(row.upstream, row.facility_id) for row in rows}


LOST = cause_text(CauseKind.LOST)
QUARANTINE = message("delivery.quarantine", deaths=MAX_DEATHS)


class _TakenBack(NamedTuple):
    id: int
    facility_id: int
    spec: str
    upstream: str
    date: str
    status: str
    trigger: str


class _EndedLease(NamedTuple):
    begun: bool
    batch: str


class _HeldDelivery(NamedTuple):
    id: int
    status: str


_ENDED = Statement("SELECT id FROM leases WHERE until < :now", int)
_END = Statement("DELETE FROM leases WHERE id = :id AND until < :now RETURNING begun, batch", _EndedLease)
_HELD = Statement(
    "SELECT id, status FROM deliveries WHERE id IN (SELECT id FROM {ids} AS v) ORDER BY id {FOR UPDATE}",
    _HeldDelivery,
    ids="id bigint",
)
# tried_version keeps the earliest content that may have arrived: if its id is adopted, an update follows.
_TAKE_BACK = Statement(
    """
UPDATE deliveries SET
  status = CASE WHEN deaths + 1 >= :deaths THEN 'failed'
                WHEN :begun = 1 AND reference IS NULL THEN 'unsure' ELSE status END,
  due_at = CASE WHEN deaths + 1 >= :deaths THEN NULL ELSE CAST(:now AS BIGINT) END,
  problem = CASE WHEN deaths + 1 >= :deaths THEN :quarantine ELSE problem END,
  cause = CASE WHEN deaths + 1 >= :deaths THEN CAST(:cause AS VARCHAR) END,
  tried_version = CASE WHEN :begun = 0 THEN tried_version
                       WHEN in_doubt THEN COALESCE(tried_version, v.content) ELSE v.content END,
  in_doubt = in_doubt OR (:begun = 1 AND reference IS NULL),
  deaths = deaths + 1
FROM {rows} AS v WHERE deliveries.id = v.id
RETURNING deliveries.id, facility_id, spec, upstream, date, status, trigger
""",
    _TakenBack,
    rows="id bigint, content integer",
)


_LOST_COLUMNS = (
    "delivery_id",
    "facility_id",
    "at",
    "milliseconds",
    "operation",
    "trigger",
    "spec_hash",
    "version",
    "verdict",
    "message",
)


def _lost(row: _TakenBack, version: int, now: int) -> tuple[object, ...]:
    """Return the attempt of a request whose reply was lost with the worker, as _LOST_COLUMNS."""
    lost = message("delivery.lost")
    return (row.id, row.facility_id, now, 0, "lost", row.trigger, "", version, "unsure", lost)


async def release_overlooked(database: Database, everything: bool = False) -> set[Channel]:
    """Release deliveries that wait for what has arrived, or for what is withdrawn or set aside; return their channels.

    If a wait is written while another transaction settles the reference, neither transaction sees the other. So recent
    waits are checked again, and all of them when a worker starts.
    """
    since = 0 if everything else database.clock() - RACE_MS
    arrived = await database.fetch(_OVERLOOKED, {"since": since})
    return await database.write(release_and_count, arrived) if arrived else set()


# A subquery of one value is looked up for each wait; a join may begin with all deliveries that were ever sent.
_OVERLOOKED = Statement(
    f"""
SELECT DISTINCT w.facility_id, w.spec, w.key FROM waits AS w
WHERE w.created_at >= :since AND NOT w.set_aside AND (
  SELECT COALESCE(d.reference, CASE WHEN d.withdrawn_at IS NOT NULL OR {IS_SET_ASIDE} THEN '' END) FROM deliveries AS d
  WHERE d.facility_id = w.facility_id AND d.spec = w.spec AND d.key = w.key
) IS NOT NULL
UNION
SELECT DISTINCT w.facility_id, w.spec, w.key FROM waits AS w
JOIN items AS i ON i.facility_id = w.facility_id AND i.item = w.spec AND i.key = w.key
WHERE w.created_at >= :since AND i.state = 'mapped' AND (w.seen IS NULL OR w.seen <> i.code)
""",
    ArrivedRecord,
)
