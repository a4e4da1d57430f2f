"""Reading deliveries: pages by keyset, and one with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from engine.database import Database
from engine.models import Attempt, AuditEntry, Delivery, Wait


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list shows; an absent condition holds. Dates are inclusive, `since` is epoch milliseconds."""

    specs: Sequence[str] = ()
    statuses: Sequence[str] = ()
    key: str | None = None
    norm: str | None = None
    reference: str | None = None
    date_from: str | None = None
    date_to: str | None = None
    since: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL, without the facility."""
        exact = {Delivery.key: self.key, Delivery.patient_norm: self.norm, Delivery.reference: self.reference}
        found = [column == value for column, value in exact.items() if value is not None]
        if self.specs:
            found.append(Delivery.spec.in_(self.specs))
        if self.statuses:
            found.append(Delivery.status.in_(self.statuses))
        if self.date_from is not None:
            found.append(Delivery.date >= self.date_from)
        if self.date_to is not None:
            found.append(Delivery.date <= self.date_to)
        if self.since is not None:
            found.append(Delivery.settled_at >= self.since)
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, newest first, and the cursor of the next page; None on the last."""

    rows: list[Any]
    next: int | None


@dataclass(frozen=True, slots=True)
class Detail:
    """A delivery with its attempts (newest first), what it waits for, what waits for it, and its audit."""

    row: Any
    attempts: Sequence[Any]
    waits_for: Sequence[Any]
    waited_for_by: Sequence[Any]
    audit: Sequence[Any]


WAITING = 50
"""Of those that wait for a delivery at most so many are named."""


async def page(database: Database, facility_id: int, filters: Filters, after: int | None, size: int) -> Page:
    """The deliveries of a facility that come after the cursor; the same effort however deep the page."""
    query = select(Delivery.__table__).where(Delivery.facility_id == facility_id, *filters.conditions())
    if after is not None:
        query = query.where(Delivery.id < after)
    rows = list(await database.fetch(query.order_by(Delivery.id.desc()).limit(size + 1)))
    return Page(rows[:size], rows[size - 1].id if len(rows) > size else None)


async def one(database: Database, facility_id: int, id_: int) -> Detail | None:
    """Everything about one delivery; None if it is not there or another facility's."""
    found = await database.fetch(
        select(Delivery.__table__).where(Delivery.id == id_, Delivery.facility_id == facility_id)
    )
    if not found:
        return None
    attempts = select(Attempt.__table__).where(Attempt.delivery_id == id_).order_by(Attempt.id.desc())
    audit = select(AuditEntry.__table__).where(AuditEntry.delivery_id == id_).order_by(AuditEntry.id)
    return Detail(
        found[0],
        await database.fetch(attempts),
        await database.fetch(_waits_for(id_)),
        await database.fetch(_waited_for_by(found[0])),
        await database.fetch(audit),
    )


def _waits_for(id_: int) -> Any:
    """The needed records, with their delivery where they have been handed in."""
    needed = and_(Delivery.facility_id == Wait.facility_id, Delivery.spec == Wait.spec, Delivery.key == Wait.key)
    return (
        select(Wait.spec, Wait.key, Delivery.id, Delivery.status)
        .join(Delivery, needed, isouter=True)
        .where(Wait.delivery_id == id_)
    )


def _waited_for_by(row: Any) -> Any:
    return (
        select(Delivery.id, Delivery.spec, Delivery.key, Delivery.status)
        .join(Wait, Wait.delivery_id == Delivery.id)
        .where(Wait.facility_id == row.facility_id, Wait.spec == row.spec, Wait.key == row.key)
        .limit(WAITING)
    )
