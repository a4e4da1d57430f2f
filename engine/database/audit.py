"""The audit log: who did what, when and why, written in the transaction that does it."""

from __future__ import annotations

from engine.database.database import Database
from engine.database.transaction import Transaction

AUDIT_COLUMNS = ("at", "actor", "action", "reason", "facility_id", "delivery_id", "item_id")


async def note(
    tx: Transaction,
    at: int,
    actor: str,
    action: str,
    *,
    facility_id: int | None = None,
    delivery_id: int | None = None,
    item_id: int | None = None,
    reason: str = "",
) -> None:
    """Write an entry; `at` is epoch milliseconds. Without a facility the entry concerns the whole installation."""
    await tx.insert("audit", AUDIT_COLUMNS, [(at, actor, action, reason, facility_id, delivery_id, item_id)])


async def note_now(
    database: Database,
    actor: str,
    action: str,
    *,
    facility_id: int | None = None,
    delivery_id: int | None = None,
    reason: str = "",
) -> None:
    """Write an entry with the present time in a transaction of its own, for an action that stores nothing else."""
    now = database.clock()
    await database.write(note, now, actor, action, facility_id=facility_id, delivery_id=delivery_id, reason=reason)
