"""Resend with undo: waits HOLD_MS before the delivery becomes due.

It is stored apart from the delivery, which does not change meanwhile. So an undo has nothing to restore, and a browser
or a process that ends in these seconds changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, text

from engine.database.database import Database
from engine.database.tables import HeldResend
from engine.delivery.status import Status
from engine.delivery.types import Channel
from engine.outbox.resend import ActionResult, make_due

HOLD_MS = 5_000  # in which a person may undo the resend


async def schedule_resend(database: Database, facility_id: int, id_: int, actor: str) -> ActionResult:
    """Resend a failed delivery after HOLD_MS; a second click changes nothing."""

    def run(connection: Connection) -> ActionResult:
        parameters = {"id": id_, "facility": facility_id, "actor": actor, "due": database.clock() + HOLD_MS}
        status = connection.execute(text(_STATUS), parameters).scalar()
        if status is None:
            return ActionResult.MISSING
        if status != Status.FAILED:
            return ActionResult.ALREADY
        added = connection.execute(text(_SCHEDULE), parameters).rowcount
        return ActionResult.DONE if added else ActionResult.ALREADY

    return await database.write(run)


async def undo_resend(database: Database, facility_id: int, id_: int) -> bool:
    """Undo a scheduled resend; return False if it was too late."""
    query = text("DELETE FROM held_resends WHERE delivery_id = :id AND facility_id = :facility")
    parameters = {"id": id_, "facility": facility_id}
    return await database.write(lambda connection: connection.execute(query, parameters).rowcount == 1)


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

    def run(connection: Connection) -> set[Channel]:
        due = connection.execute(text(f"DELETE {_DUE} RETURNING {_COLUMNS}"), {"now": database.clock()}).all()
        return {channel for row in sorted(due) if (channel := _make_due(database, connection, *row))}

    return await database.write(run)


def _make_due(database: Database, connection: Connection, id_: int, facility_id: int, actor: str) -> Channel | None:
    """Return the channel of the delivery, None if it is not failed any more."""
    lock = "" if database.dialect == "sqlite" else " FOR UPDATE"
    row = connection.execute(text(_STATUS + lock), {"id": id_, "facility": facility_id}).first()
    if row is None or row.status != Status.FAILED:
        return None
    make_due(database, connection, facility_id, [id_], actor, reason="")
    return Channel(row.upstream, facility_id)


_STATUS = "SELECT status, upstream FROM deliveries WHERE id = :id AND facility_id = :facility"
_SCHEDULE = """
INSERT INTO held_resends (delivery_id, facility_id, actor, due_at) VALUES (:id, :facility, :actor, :due)
ON CONFLICT DO NOTHING
"""
_COLUMNS = "delivery_id, facility_id, actor"
_DUE = "FROM held_resends WHERE due_at <= :now"
