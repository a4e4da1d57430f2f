"""Cancels deliveries that never left, and forgets the references of records that the upstream has removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.outbox import counters
from engine.specs.needs import Target

_TARGET = {"facility_id": "integer", "spec": "text", "key": "text"}


async def cancel(database: Database, targets: Iterable[Target]) -> set[Target]:
    """Set aside the targets of which nothing can have left; return them and those that were set aside before."""
    rows = [list(target) for target in sorted(set(targets))]
    if not rows:
        return set()
    return await database.write(lambda tx: _cancel(tx, rows))


async def _cancel(tx: Transaction, rows: list[list[Any]]) -> set[Target]:
    untouched = [row for row in await _locked(tx, rows) if _never_left(row)]
    await _set_aside(tx, [row for row in untouched if row.status != Status.IGNORED], _CANCELLED)
    return {(row.facility_id, row.spec, row.key) for row in untouched}


async def forget(tx: Transaction, targets: Sequence[Target], deltas: counters.Deltas) -> None:
    """Forget the references of records that the upstream has removed, so that a later change is a create again."""
    if not targets:
        return
    gone = await _locked(tx, [list(target) for target in sorted(set(targets))])
    gone = [row for row in gone if row.status != Status.SENDING]
    await _set_aside(tx, gone, _REMOVED, deltas)


def _never_left(row: Any) -> bool:
    waiting = row.status in (Status.BLOCKED, Status.QUEUED, Status.RETRYING, Status.FAILED, Status.IGNORED)
    return waiting and row.reference is None and row.sent_version is None and not row.in_doubt


async def _locked(tx: Transaction, rows: list[list[Any]]) -> list[Any]:
    """Return the deliveries, locked against other transactions."""
    lock = "" if tx.dialect == "sqlite" else "FOR UPDATE OF d"
    # CROSS JOIN: SQLite then begins with the targets, whatever its statistics say about the deliveries.
    query = (
        "SELECT d.id, d.facility_id, d.spec, d.key, d.date, d.status, d.reference, d.sent_version, d.in_doubt "
        f"FROM {tx.subquery(_TARGET, 'rows')} AS v CROSS JOIN deliveries AS d "
        f"WHERE d.facility_id = v.facility_id AND d.spec = v.spec AND d.key = v.key ORDER BY d.id {lock}"
    )
    return list(await tx.rows(text(query), {"rows": as_json(rows)}))


async def _set_aside(
    tx: Transaction, rows: Sequence[Any], statement: str, deltas: counters.Deltas | None = None
) -> None:
    """Ignore the deliveries by `statement`; a caller that passes `deltas` applies the counters itself."""
    if not rows:
        return
    moved = counters.Deltas() if deltas is None else deltas
    for row in rows:
        moved.move(row.facility_id, row.date, row.spec, row.status, Status.IGNORED)
    ids = f"(SELECT id FROM {tx.subquery({'id': 'bigint'}, 'ids')} AS v)"
    parameters = {"ids": as_json([[row.id] for row in rows])}
    await tx.execute(text(f"DELETE FROM waits WHERE delivery_id IN {ids}"), parameters)
    await tx.execute(text(statement + ids), {**parameters, "now": tx.now})
    if deltas is None:
        await counters.apply(tx, moved)


_CANCELLED = """
UPDATE deliveries SET status = 'ignored', due_at = NULL, settled_at = :now, cause = NULL,
  problem = 'Dibatalkan sebelum terkirim.' WHERE id IN """

_REMOVED = """
UPDATE deliveries SET status = 'ignored', due_at = NULL, settled_at = :now, cause = NULL, reference = NULL,
  sent_version = NULL, tried_version = NULL, in_doubt = (1 = 0),
  problem = 'Sudah dihapus di sistem tujuan.' WHERE id IN """
