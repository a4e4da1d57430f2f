"""Cancels deliveries that never left, and forgets the references of records that the upstream has removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from adapters.messages import message
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.outbox import counters
from engine.outbox.locks import being_sent, lock_claims
from engine.outbox.waits import end_waits
from engine.specs.needs import Target

_NEVER_SENT = message("delivery.cancelled")


async def cancel(database: Database, targets: Iterable[Target], reason: str = _NEVER_SENT) -> set[Target]:
    """Set aside the targets of which nothing can have left; return them and those that were set aside before.

    `reason` is stored with each as its problem.
    """
    rows = sorted(set(targets))
    if not rows:
        return set()
    return await database.write(_cancel, rows, reason)


async def _cancel(tx: Transaction, targets: Sequence[Target], reason: str) -> set[Target]:
    untouched = [row for row in await _lock(tx, targets) if _never_left(row)]
    await _set_aside(tx, [row for row in untouched if row.status != Status.IGNORED], _CANCELLED, reason)
    return {(row.facility_id, row.spec, row.key) for row in untouched}


async def forget(tx: Transaction, targets: Sequence[Target], deltas: counters.Deltas) -> None:
    """Forget the references of records that the upstream has removed, so that a later change is a create again."""
    if not targets:
        return
    await _set_aside(tx, await _lock(tx, sorted(set(targets))), _REMOVED, _GONE, deltas)


async def _lock(tx: Transaction, targets: Sequence[Target]) -> list[_CancelledDelivery]:
    """Lock the deliveries of the targets; return those that are not being sent."""
    facilities = [facility_id for facility_id, _, _ in targets]
    await lock_claims(tx, facilities)
    rows = await tx.rows(_LOCK, {"targets": targets})
    held = await being_sent(tx, facilities)
    return [row for row in rows if row.id not in held]


def _never_left(row: _CancelledDelivery) -> bool:
    waiting = row.status in (Status.BLOCKED, Status.QUEUED, Status.RETRYING, Status.FAILED, Status.IGNORED)
    return waiting and row.reference is None and row.sent_version is None and not row.in_doubt


class _CancelledDelivery(NamedTuple):
    """A delivery that is taken back."""

    id: int
    facility_id: int
    spec: str
    key: str
    date: str
    status: str
    reference: str | None
    sent_version: int | None
    in_doubt: bool


# CROSS JOIN: SQLite then begins with the targets, even with wrong statistics of the deliveries.
_LOCK = Statement(
    """
SELECT d.id, d.facility_id, d.spec, d.key, d.date, d.status, d.reference, d.sent_version, d.in_doubt
FROM {targets} AS v CROSS JOIN deliveries AS d
WHERE d.facility_id = v.facility_id AND d.spec = v.spec AND d.key = v.key ORDER BY d.id {FOR UPDATE OF d}
""",
    _CancelledDelivery,
    targets="facility_id integer, spec text, key text",
)


async def _set_aside(
    tx: Transaction,
    rows: Sequence[_CancelledDelivery],
    statement: Command,
    problem: str,
    deltas: counters.Deltas | None = None,
) -> None:
    """Ignore the deliveries and store the problem; a caller that passes `deltas` applies the counters itself."""
    if not rows:
        return
    moved = counters.Deltas() if deltas is None else deltas
    for row in rows:
        moved.move(row.facility_id, row.date, row.spec, row.status, Status.IGNORED)
    ids = [row.id for row in rows]
    await end_waits(tx, ids)
    await tx.execute(statement, {"ids": ids, "now": tx.now, "problem": problem})
    if deltas is None:
        await counters.apply(tx, moved)


_GONE = message("delivery.removed")

_CANCELLED = Command(
    """
UPDATE deliveries SET status = 'ignored', due_at = NULL, settled_at = :now, cause = NULL,
  problem = :problem
WHERE id IN (SELECT id FROM {ids} AS v)
""",
    ids="id bigint",
)
_REMOVED = Command(
    """
UPDATE deliveries SET status = 'ignored', due_at = NULL, settled_at = :now, cause = NULL, reference = NULL,
  sent_version = NULL, tried_version = NULL, in_doubt = (1 = 0),
  problem = :problem
WHERE id IN (SELECT id FROM {ids} AS v)
""",
    ids="id bigint",
)
