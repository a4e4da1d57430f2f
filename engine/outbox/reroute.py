"""Moves deliveries that are due at an upstream which the configuration no longer has to the upstream of their type."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from adapters.messages import message
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.causes import CauseKind, cause_text
from engine.delivery.status import PAUSED_LANES, Status
from engine.delivery.types import Channel
from engine.outbox import counters
from engine.outbox.locks import lock_claims

BATCH_SIZE = 1000
# For which a delivery is due before it is moved: a worker whose configuration is newer may take it by itself.
PATIENCE_MS = 60_000


async def reroute(database: Database, routes: Mapping[str, str], upstreams: Collection[str]) -> set[Channel]:
    """Move a batch of each upstream that is not in `upstreams`; return the channels that have something due by it.

    `routes` maps each type to its upstream; deliveries of other types fail. If there is nothing to move, this costs a
    few look-ups, however many deliveries there are.
    """
    due: set[Channel] = set()
    for name in await database.fetch(_NAMES):
        if name not in upstreams:
            due |= await database.write(_move, name, routes)
    return due


async def _move(tx: Transaction, upstream: str, routes: Mapping[str, str]) -> set[Channel]:
    parameters = {"upstream": upstream, "before": tx.now - PATIENCE_MS, "limit": BATCH_SIZE}
    facilities = await tx.rows(_FACILITIES, parameters)
    await lock_claims(tx, facilities)
    rows = [row for row in await tx.rows(_STRANDED, parameters) if row.facility_id in facilities]
    await _fail(tx, [row for row in rows if row.spec not in routes])
    moved = [row for row in rows if row.spec in routes]
    await tx.execute(_MOVE, {"rows": [[row.id, routes[row.spec]] for row in moved]})
    return {Channel(routes[row.spec], row.facility_id) for row in moved}


async def _fail(tx: Transaction, rows: Sequence[_Stranded]) -> None:
    deltas = counters.Deltas()
    for row in rows:
        deltas.move(row.facility_id, row.date, row.spec, row.status, Status.FAILED)
    problems = [(row.id, message("delivery.unknown_type", type=row.spec)) for row in rows]
    failed = [[id_, problem, cause_text(CauseKind.BROKEN, words=problem)] for id_, problem in problems]
    await tx.execute(_FAIL, {"rows": failed, "now": tx.now})
    await counters.apply(tx, deltas)


class _Stranded(NamedTuple):
    id: int
    facility_id: int
    spec: str
    date: str
    status: str


# One index look-up for each name; DISTINCT would read all due deliveries.
_NAMES = Statement(
    """
WITH RECURSIVE names(name) AS (
  SELECT MIN(upstream) FROM deliveries WHERE due_at IS NOT NULL
  UNION ALL
  SELECT (SELECT MIN(upstream) FROM deliveries WHERE due_at IS NOT NULL AND upstream > names.name)
  FROM names WHERE names.name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL
""",
    str,
)
_FACILITIES = Statement(
    """
SELECT DISTINCT facility_id FROM (
  SELECT facility_id FROM deliveries WHERE upstream = :upstream AND due_at <= :before
  ORDER BY facility_id, lane, due_at, id LIMIT :limit
) AS stranded
""",
    int,
)
_STRANDED = Statement(
    """
SELECT id, facility_id, spec, date, status FROM deliveries
WHERE upstream = :upstream AND due_at <= :before
  AND id NOT IN (SELECT delivery_id FROM held_deliveries WHERE upstream = :upstream)
ORDER BY facility_id, lane, due_at, id LIMIT :limit {FOR UPDATE SKIP LOCKED}
""",
    _Stranded,
)
# A pause of the old upstream is none of the new one.
_MOVE = Command(
    f"UPDATE deliveries SET upstream = v.upstream, lane = lane % {PAUSED_LANES} "
    "FROM {rows} AS v WHERE deliveries.id = v.id",
    rows="id bigint, upstream text",
)
_FAIL = Command(
    """
UPDATE deliveries SET status = 'failed', due_at = NULL, problem = v.problem, cause = v.cause, settled_at = :now
FROM {rows} AS v WHERE deliveries.id = v.id
""",
    rows="id bigint, problem text, cause text",
)
