"""Resend with undo: waits HOLD_MS before the delivery becomes due.

It is stored apart from the delivery, which does not change meanwhile. So an undo has nothing to restore, and a browser
or a process that ends in these seconds changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, text

from engine.database.database import Database
from engine.database.tables import HeldResend
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.delivery.types import Channel
from engine.outbox.resend import ActionResult, make_due

HOLD_MS = 5_000  # in which a person may undo the resend


async def schedule_resend(database: Database, facility_id: int, id_: int, actor: str) -> ActionResult:
    """Resend a failed delivery after HOLD_MS; a second click changes nothing."""

    async def run(tx: Transaction) -> ActionResult:
        parameters = {"id": id_, "facility": facility_id, "actor": actor, "due": tx.now + HOLD_MS}
        row = await tx.first(text(_STATUS), parameters)
        if row is None:
            return ActionResult.MISSING
        if row.status != Status.FAILED:
            return ActionResult.ALREADY
        added = await tx.execute(text(_SCHEDULE), parameters)
        return ActionResult.DONE if added else ActionResult.ALREADY

    return await database.write(run)


async def undo_resend(database: Database, facility_id: int, id_: int) -> bool:
    """Undo a scheduled resend; return False if it was too late."""
    query = text("DELETE FROM held_resends WHERE delivery_id = :id AND facility_id = :facility")
    parameters = {"id": id_, "facility": facility_id}
    return await database.write(Transaction.execute, query, parameters) == 1


async def scheduled(database: Database, ids: Sequence[int]) -> dict[int, int]:
    """Return the due time (epoch ms) of each resend of the deliveries that can still be undone."""
    if not ids:
        return {}
    query = select(HeldResend.delivery_id, HeldResend.due_at).where(HeldResend.delivery_id.in_(ids))
    return {row.delivery_id: row.due_at for row in await database.fetch(query)}


async def make_scheduled_due(database: Database) -> set[Channel]:
    """Make the deliveries due whose resend was not undone in time; return their channels."""
    if not await database.fetch(text(f"SELECT 1 {_DUE} LIMIT 1"), {"now": database.clock()}):
        return set()

    async def run(tx: Transaction) -> set[Channel]:
        due = await tx.rows(text(f"DELETE {_DUE} RETURNING {_COLUMNS}"), {"now": tx.now})
        return {channel for row in sorted(due) if (channel := await _make_due(tx, *row))}

    return await database.write(run)


async def _make_due(tx: Transaction, id_: int, facility_id: int, actor: str) -> Channel | None:
    """Return the channel of the delivery, None if it is not failed any more."""
    lock = "" if tx.dialect == "sqlite" else " FOR UPDATE"
    row = await tx.first(text(_STATUS + lock), {"id": id_, "facility": facility_id})
    if row is None or row.status != Status.FAILED:
        return None
    await make_due(tx, facility_id, [id_], actor, reason="")
    return Channel(row.upstream, facility_id)


_STATUS = "SELECT status, upstream FROM deliveries WHERE id = :id AND facility_id = :facility"
_SCHEDULE = """
INSERT INTO held_resends (delivery_id, facility_id, actor, due_at) VALUES (:id, :facility, :actor, :due)
ON CONFLICT DO NOTHING
"""
_COLUMNS = "delivery_id, facility_id, actor"
_DUE = "FROM held_resends WHERE due_at <= :now"
