"""Reading deliveries: which ones a list shows, and one with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, text

from engine.database.database import Database
from engine.database.tables import Attempt, AuditEntry, Delivery, Wait
from engine.outbox.patient_index import is_found_by, words_of

HTTP_DIGITS = 3
# HTTP codes from here on can be filtered by; whoever looks for what went well filters by status.
FIRST_ERROR_STATUS = 400


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list shows; an absent condition holds. Dates are inclusive, `since` is epoch milliseconds.

    `text` finds a source id, an upstream's id, a patient's norm or the beginnings of words of the name; `code` an HTTP
    code or a business code of what went wrong.
    """

    specs: Sequence[str] = ()
    statuses: Sequence[str] = ()
    key: str | None = None
    norm: str | None = None
    reference: str | None = None
    date_from: str | None = None
    date_to: str | None = None
    since: int | None = None
    cause: str | None = None
    code: str | None = None
    text: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL, without the facility."""
        found = [*self.exact(), *self.times()]
        if self.specs:
            found.append(Delivery.spec.in_(self.specs))
        if self.statuses:
            found.append(Delivery.status.in_(self.statuses))
        if self.code is not None:
            found.append(or_(*(and_(*alternative) for alternative in self.codes())))
        if self.text is not None:
            words = words_of(self.text)
            called = [is_found_by(words)] if words else []
            found.append(or_(Delivery.key == self.text, Delivery.reference == self.text, *called))
        return found

    def exact(self) -> list[ColumnElement[bool]]:
        """The conditions that a column equals a value."""
        wanted = {
            Delivery.key: self.key,
            Delivery.patient_norm: self.norm,
            Delivery.reference: self.reference,
            Delivery.cause: self.cause,
        }
        return [column == value for column, value in wanted.items() if value is not None]

    def times(self) -> list[ColumnElement[bool]]:
        """The conditions on days and on the time of the last change."""
        found = []
        if self.date_from is not None:
            found.append(Delivery.date >= self.date_from)
        if self.date_to is not None:
            found.append(Delivery.date <= self.date_to)
        if self.since is not None:
            found.append(Delivery.settled_at >= self.since)
        return found

    def codes(self) -> list[list[ColumnElement[bool]]]:
        """The ways to have the code, of which each delivery has one at most; each as its index wants it said."""
        status = int(self.code) if self.code and self.code.isdecimal() and len(self.code) == HTTP_DIGITS else 0
        business = [Delivery.code == self.code, Delivery.code.is_not(None), Delivery.cause.is_not(None)]
        if status < FIRST_ERROR_STATUS:
            return [business]
        return [
            [Delivery.http_status == status, Delivery.http_status >= literal_column(str(FIRST_ERROR_STATUS))],
            [*business, or_(Delivery.http_status.is_(None), Delivery.http_status != status)],
        ]


@dataclass(frozen=True, slots=True)
class Detail:
    """A delivery with its attempts (newest first), what it waits for, what waits for it, and its audit.

    Of each attempt `request_size` and `response_size` tell the bytes of its bodies.
    """

    row: Any
    attempts: Sequence[Any]
    waits_for: Sequence[Any]
    waited_for_by: Sequence[Any]
    audit: Sequence[Any]


BODIES = ("request", "response")
MAX_WAITING = 50  # of those that wait for a delivery at most so many are named


async def one(database: Database, facility_id: int, id_: int, *, bodies: bool = False) -> Detail | None:
    """Everything about one delivery; None if it is not there or another facility's.

    The bodies of its attempts, of which each may have megabytes, are read on request only.
    """
    found = await database.fetch(
        select(Delivery.__table__).where(Delivery.id == id_, Delivery.facility_id == facility_id)
    )
    if not found:
        return None
    attempts = _attempts(id_, BODIES if bodies else ()).order_by(Attempt.id.desc())
    audit = select(AuditEntry.__table__).where(AuditEntry.delivery_id == id_).order_by(AuditEntry.id)
    return Detail(
        found[0],
        await database.fetch(attempts),
        await database.fetch(_waits_for(id_)),
        await database.fetch(_waited_for_by(found[0])),
        await database.fetch(audit),
    )


async def tries(database: Database, id_: int, ids: Sequence[int]) -> dict[int, Any]:
    """These attempts of a delivery with their bodies, by id; those that are another delivery's are left out."""
    found = await database.fetch(_attempts(id_, BODIES).where(Attempt.id.in_(ids))) if ids else []
    return {row.id: row for row in found}


def _attempts(id_: int, bodies: Collection[str]) -> Select[Any]:
    columns = [column for column in Attempt.__table__.c if column.name in bodies or column.name not in BODIES]
    sizes = [func.coalesce(func.length(Attempt.__table__.c[name]), 0).label(f"{name}_size") for name in BODIES]
    return select(*columns, *sizes).where(Attempt.delivery_id == id_)


def _waits_for(id_: int) -> Any:
    """The needed records, with their delivery where they have been handed in."""
    needed = and_(Delivery.facility_id == Wait.facility_id, Delivery.spec == Wait.spec, Delivery.key == Wait.key)
    return (
        select(Wait.spec, Wait.key, Wait.alternative, Delivery.id, Delivery.status)
        .join(Delivery, needed, isouter=True)
        .where(Wait.delivery_id == id_)
        .order_by(Wait.key, Wait.spec)
    )


def _waited_for_by(row: Any) -> Any:
    return (
        select(Delivery.id, Delivery.spec, Delivery.key, Delivery.status)
        .join(Wait, Wait.delivery_id == Delivery.id)
        .where(Wait.facility_id == row.facility_id, Wait.spec == row.spec, Wait.key == row.key)
        .limit(MAX_WAITING)
    )


async def state(database: Database, id_: int) -> Any | None:
    """Return where a delivery stands now, None if it is not there; by primary keys alone, so that pages may poll it.

    `held_until` is when a resend that can still be taken back becomes due, `closed` why its channel is closed.
    """
    return next(iter(await database.fetch(text(_STATE), {"id": id_})), None)


_STATE = """
SELECT d.facility_id, d.spec, d.status, d.tries, d.version, d.due_at, d.settled_at, h.due_at AS held_until,
  c.cause AS closed
FROM deliveries AS d
LEFT JOIN held_resends AS h ON h.delivery_id = d.id
LEFT JOIN channels AS c ON c.facility_id = d.facility_id AND c.upstream = d.upstream
WHERE d.id = :id
"""
