"""Saves a body that a person wrote in place of a delivery's payload, unless the delivery changed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from engine.database.database import Database
from engine.database.statements import Statement
from engine.database.transaction import Transaction
from engine.outbox.locks import being_sent, lock_claims
from engine.outbox.resend import ActionResult, Written, make_due

ACTION = "edit"  # name in the audit log and in the trigger of the delivery


class Saved(StrEnum):
    """The result of saving an edit."""

    DONE = "done"
    ALREADY = "already"  # the same person has saved the same before: the second of two clicks
    ARRIVED = "arrived"  # the upstream has the record since: a body written for a create would be sent as an update
    SENDING = "sending"  # the delivery is being sent; it cannot be changed now
    EDITED = "edited"  # somebody saved another edit meanwhile
    CHANGED = "changed"  # the record changed meanwhile
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Basis:
    """State of the delivery when the person began to write."""

    version: int
    edit: int = 0  # audit entry of the last edit; 0: nobody had edited it
    arrived: bool = False  # the upstream had the record already


class Edit(NamedTuple):
    """An edit's audit entry: its id, the person who saved it and the time (epoch milliseconds)."""

    id: int
    actor: str
    at: int


async def last_edit(database: Database, id_: int) -> Edit | None:
    """Return the newest edit of a delivery; None: nobody has edited it."""
    return await database.first(_LAST, {"id": id_})


async def save(
    database: Database, facility_id: int, id_: int, actor: str, body: str, *, reason: str, basis: Basis
) -> Saved:
    """Send `body`, which has to be JSON, in place of the payload from now on; a sent delivery is sent again.

    The address of the request stays as the entry makes it from the record. Only DONE changes anything.
    """
    return await database.write(_save, facility_id, id_, actor, body, reason, basis)


async def _save(tx: Transaction, facility_id: int, id_: int, actor: str, body: str, reason: str, basis: Basis) -> Saved:
    await lock_claims(tx, [facility_id])
    row = await tx.first(_LOCK, {"id": id_, "facility": facility_id})
    if row is None:
        return Saved.MISSING
    last = await tx.first(_LAST, {"id": id_})
    hindrance = _hindrance(row, last, actor, body, basis)
    if hindrance is None and id_ in await being_sent(tx, [facility_id]):
        hindrance = Saved.SENDING
    if hindrance is None:
        due = await make_due(
            tx, facility_id, [id_], actor, reason=reason, renew=True, written=Written(body), action=ACTION
        )
        hindrance = Saved.DONE if due[id_] is ActionResult.DONE else Saved.ALREADY
    return hindrance


class EditedDelivery(Protocol):
    """A delivery, or the columns of it that show whether it has been edited."""

    @property
    def version(self) -> int: ...

    @property
    def body(self) -> str | None: ...


def is_again(row: EditedDelivery, last: Edit | None, actor: str, body: str, basis: Basis) -> bool:
    """Return whether the person saved this same body a moment ago: the second of two clicks."""
    mine = last is not None and last.id != basis.edit and last.actor == actor
    return mine and row.version == basis.version and row.body == body


def _hindrance(row: _Edited, last: Edit | None, actor: str, body: str, basis: Basis) -> Saved | None:
    """Return why the body is not saved, None if it is."""
    if is_again(row, last, actor, body, basis):
        return Saved.ALREADY
    if row.version != basis.version:  # checked before the last edit: a change of the record discards an edit
        return Saved.CHANGED
    if last is not None and last.id != basis.edit:
        return Saved.EDITED
    if (row.reference is not None) != basis.arrived:
        return Saved.ARRIVED
    return None


class _Edited(NamedTuple):
    version: int
    body: str | None
    reference: str | None


_LOCK = Statement(
    "SELECT version, body, reference FROM deliveries WHERE id = :id AND facility_id = :facility {FOR UPDATE}",
    _Edited,
)
_LAST = Statement(
    "SELECT id, actor, at FROM audit WHERE delivery_id = :id AND action = 'edit' ORDER BY id DESC LIMIT 1", Edit
)
