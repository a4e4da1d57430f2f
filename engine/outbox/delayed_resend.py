"""Resend with undo: waits HOLD_MS before the delivery becomes due.

It is stored apart from the delivery, which does not change meanwhile. So an undo has nothing to restore, and a browser
or a process that ends in these seconds changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from engine.database.database import Database
from engine.database.statements import Command, Query, Statement
from engine.database.tables import HeldResend
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.delivery.types import Channel
from engine.outbox.resend import ActionResult, make_due

HOLD_MS = 5_000  # in which a person may undo the resend


async def schedule_resend(database: Database, facility_id: int, id_: int, actor: str) -> ActionResult:
    """Resend a failed delivery after HOLD_MS; a second click changes nothing."""
    return await database.write(_schedule, facility_id, id_, actor)


async def _schedule(tx: Transaction, facility_id: int, id_: int, actor: str) -> ActionResult:
    parameters = {"id": id_, "facility": facility_id, "actor": actor, "due": tx.now + HOLD_MS}
    row = await tx.first(_STATUS, parameters)
    if row is None:
        return ActionResult.MISSING
    if row.status != Status.FAILED:
        return ActionResult.ALREADY
    added = await tx.execute(_SCHEDULE, parameters)
    return ActionResult.DONE if added else ActionResult.ALREADY


async def undo_resend(database: Database, facility_id: int, id_: int) -> bool:
    """Undo a scheduled resend; return False if it was too late."""
    parameters = {"id": id_, "facility": facility_id}
    return await database.execute(_UNDO, parameters) == 1


async def scheduled(database: Database, ids: Sequence[int]) -> dict[int, int]:
    """Return the due time (epoch ms) of each resend of the deliveries that can still be undone."""
    if not ids:
        return {}
    query = select(HeldResend.delivery_id, HeldResend.due_at).where(HeldResend.delivery_id.in_(ids))
    return dict(await database.fetch(Query(query, _Scheduled)))


async def make_scheduled_due(database: Database) -> set[Channel]:
    """Make the deliveries due whose resend was not undone in time; return their channels."""
    if await database.first(_ANY_DUE, {"now": database.clock()}) is None:
        return set()
    return await database.write(_make_all_due)


async def _make_all_due(tx: Transaction) -> set[Channel]:
    due = await tx.rows(_TAKE_DUE, {"now": tx.now})
    return {channel for row in sorted(due) if (channel := await _make_due(tx, *row))}


async def _make_due(tx: Transaction, id_: int, facility_id: int, actor: str) -> Channel | None:
    """Return the channel of the delivery, None if it is not failed any more."""
    row = await tx.first(_LOCK, {"id": id_, "facility": facility_id})
    if row is None or row.status != Status.FAILED:
        return None
    await make_due(tx, facility_id, [id_], actor, reason="")
    return Channel(row.upstream, facility_id)


class _Scheduled(NamedTuple):
    delivery_id: int
    due_at: int


class _Due(NamedTuple):
    delivery_id: int
    facility_id: int
    actor: str


class _State(NamedTuple):
    """The state of the delivery that is to be sent again."""

    status: str
    upstream: str


_OF_DELIVERY = "SELECT status, upstream FROM deliveries WHERE id = :id AND facility_id = :facility"
_STATUS = Statement(_OF_DELIVERY, _State)
_LOCK = Statement(f"{_OF_DELIVERY} {{FOR UPDATE}}", _State)
_SCHEDULE = Command(
    """
INSERT INTO held_resends (delivery_id, facility_id, actor, due_at) VALUES (:id, :facility, :actor, :due)
ON CONFLICT DO NOTHING
"""
)
_UNDO = Command("DELETE FROM held_resends WHERE delivery_id = :id AND facility_id = :facility")
_ANY_DUE = Statement("SELECT 1 FROM held_resends WHERE due_at <= :now LIMIT 1", int)
_TAKE_DUE = Statement("DELETE FROM held_resends WHERE due_at <= :now RETURNING delivery_id, facility_id, actor", _Due)
