"""A person's own words in place of a delivery's payload, saved only over what the person has seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from sqlalchemy import Connection, text

from engine.database.database import Database
from engine.delivery.status import Status
from engine.outbox.resend import ActionResult, Written, make_due

ACTION = "edit"  # As the audit log names it, and what was sent by it


class Saved(StrEnum):
    """What became of an edit."""

    DONE = "done"
    ALREADY = "already"  # The same person has saved the same before: the second click of two
    ARRIVED = "arrived"  # The upstream has it since: what was written for a creation would now go out as a change
    SENDING = "sending"  # It is on its way just now; nothing is changed under a worker's hand
    EDITED = "edited"  # Somebody saved another edit meanwhile
    CHANGED = "changed"  # The record changed meanwhile
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Basis:
    """What a person has seen when they began to write: the record's version, and the last edit before theirs."""

    version: int
    edit: int = 0  # Its audit entry; 0: nobody had edited it
    arrived: bool = False  # The upstream had it already


@dataclass(frozen=True, slots=True)
class Edit:
    """Who saved an edit, and when (epoch milliseconds)."""

    id: int
    actor: str
    at: int


async def last_edit(database: Database, id_: int) -> Edit | None:
    """The newest edit of a delivery; None: nobody has edited it."""
    return next((Edit(*row) for row in await database.fetch(text(_LAST), {"id": id_})), None)


async def save(
    database: Database, facility_id: int, id_: int, actor: str, body: str, *, reason: str, basis: Basis
) -> Saved:
    """Send `body`, which has to be JSON, in place of the payload from now on; what was sent is sent anew.

    Where it goes stays what the entry makes of the record. Only DONE changes anything.
    """
    run = partial(_save, database, facility_id, id_, actor, body, reason, basis)
    return await database.write(run)


def _save(
    database: Database,
    facility_id: int,
    id_: int,
    actor: str,
    body: str,
    reason: str,
    basis: Basis,
    connection: Connection,
) -> Saved:
    lock = "" if database.dialect == "sqlite" else " FOR UPDATE"
    row = connection.execute(text(_ROW + lock), {"id": id_, "facility": facility_id}).first()
    if row is None:
        return Saved.MISSING
    last = next((Edit(*each) for each in connection.execute(text(_LAST), {"id": id_})), None)
    hindrance = _hindrance(row, last, actor, body, basis)
    if hindrance is None:
        due = make_due(
            database,
            connection,
            facility_id,
            [id_],
            actor,
            reason=reason,
            renew=True,
            written=Written(body),
            action=ACTION,
        )
        hindrance = Saved.DONE if due[id_] is ActionResult.DONE else Saved.ALREADY
    return hindrance


def is_again(row: Any, last: Edit | None, actor: str, body: str, basis: Basis) -> bool:
    """Whether the person saved just this a moment ago: the second click of two."""
    mine = last is not None and last.id != basis.edit and last.actor == actor
    return mine and row.version == basis.version and row.body == body


def _hindrance(row: Any, last: Edit | None, actor: str, body: str, basis: Basis) -> Saved | None:
    """Why it is not saved; the record goes first, for an edit of an older one is no longer there."""
    if is_again(row, last, actor, body, basis):
        return Saved.ALREADY
    if row.version != basis.version:
        return Saved.CHANGED
    if last is not None and last.id != basis.edit:
        return Saved.EDITED
    if (row.reference is not None) != basis.arrived:
        return Saved.ARRIVED
    return Saved.SENDING if row.status == Status.SENDING else None


_ROW = "SELECT version, status, body, reference FROM deliveries WHERE id = :id AND facility_id = :facility"
_LAST = "SELECT id, actor, at FROM audit WHERE delivery_id = :id AND action = 'edit' ORDER BY id DESC LIMIT 1"
