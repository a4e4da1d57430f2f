"""Filters of delivery lists, and a single delivery with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, text

from engine.database.database import Database, as_json
from engine.database.tables import Attempt, AuditEntry, Delivery, Wait
from engine.outbox.patient_index import patient_matches, words_of

HTTP_DIGITS = 3
# Only HTTP codes from here on can be filtered by; successes are filtered by their status.
FIRST_ERROR_STATUS = 400


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions of a list, all optional. Dates are inclusive, `since` is epoch milliseconds.

    `text` matches a source id, an upstream's id, a patient's norm or the beginnings of words of the name. `code`
    matches the HTTP code or the business code of a failure.
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
        """Return the filter as SQL, without the facility."""
        clauses = [*self.exact(), *self.times()]
        if self.specs:
            clauses.append(Delivery.spec.in_(self.specs))
        if self.statuses:
            clauses.append(Delivery.status.in_(self.statuses))
        if self.code is not None:
            clauses.append(or_(*(and_(*alternative) for alternative in self.codes())))
        if self.text is not None:
            words = words_of(self.text)
            by_name = [patient_matches(words)] if words else []
            clauses.append(or_(Delivery.key == self.text, Delivery.reference == self.text, *by_name))
        return clauses

    def exact(self) -> list[ColumnElement[bool]]:
        """Return the conditions that a column equals a value."""
        values = {
            Delivery.key: self.key,
            Delivery.patient_norm: self.norm,
            Delivery.reference: self.reference,
            Delivery.cause: self.cause,
        }
        return [column == value for column, value in values.items() if value is not None]

    def times(self) -> list[ColumnElement[bool]]:
        """Return the conditions on days and on the time of settlement."""
        clauses = []
        if self.date_from is not None:
            clauses.append(Delivery.date >= self.date_from)
        if self.date_to is not None:
            clauses.append(Delivery.date <= self.date_to)
        if self.since is not None:
            clauses.append(Delivery.settled_at >= self.since)
        return clauses

    def codes(self) -> list[list[ColumnElement[bool]]]:
        """Return the alternatives for `code`, disjoint and each phrased so that an index is used."""
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
    """A delivery with its attempts (newest first), needs, waiting deliveries, and audit entries.

    Each attempt has `request_size` and `response_size`, the bytes of its bodies.
    """

    row: Any
    attempts: Sequence[Any]
    waits_for: Sequence[Any]
    waited_for_by: Sequence[Any]
    audit: Sequence[Any]


class WaitingDelivery(NamedTuple):
    """A delivery that waits for an item."""

    id: int
    spec: str
    key: str


class TypedDelivery(NamedTuple):
    """A delivery with its type and its upstream."""

    id: int
    spec: str
    upstream: str


BODIES = ("request", "response")
MAX_WAITING = 50  # deliveries that wait for one delivery and are listed


async def one(database: Database, facility_id: int, id_: int, *, bodies: bool = False) -> Detail | None:
    """Return a delivery with everything that belongs to it; None if the facility has no such delivery.

    The bodies of attempts may have megabytes each and are read only with `bodies`.
    """
    rows = await database.fetch(
        select(Delivery.__table__).where(Delivery.id == id_, Delivery.facility_id == facility_id)
    )
    if not rows:
        return None
    attempts = _attempts(id_, BODIES if bodies else ()).order_by(Attempt.id.desc())
    audit = select(AuditEntry.__table__).where(AuditEntry.delivery_id == id_).order_by(AuditEntry.id)
    return Detail(
        rows[0],
        await database.fetch(attempts),
        await database.fetch(_waits_for(id_)),
        await database.fetch(_waited_for_by(rows[0])),
        await database.fetch(audit),
    )


async def tries(database: Database, id_: int, ids: Sequence[int]) -> dict[int, Any]:
    """Return these attempts of a delivery with their bodies, by id; attempts of other deliveries are left out."""
    rows = await database.fetch(_attempts(id_, BODIES).where(Attempt.id.in_(ids))) if ids else []
    return {row.id: row for row in rows}


def _attempts(id_: int, bodies: Collection[str]) -> Select[Any]:
    columns = [column for column in Attempt.__table__.c if column.name in bodies or column.name not in BODIES]
    sizes = [func.coalesce(func.length(Attempt.__table__.c[name]), 0).label(f"{name}_size") for name in BODIES]
    return select(*columns, *sizes).where(Attempt.delivery_id == id_)


def _waits_for(id_: int) -> Any:
    """Select the needed records, with their delivery if they have been submitted."""
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
    """Return the present state of a delivery, None if it does not exist; cheap enough for pages to poll.

    `held_until` is when a resend that can still be undone becomes due, `closed` is why its channel is closed.
    """
    return next(iter(await database.fetch(text(_STATE), {"id": id_})), None)


async def waiting_for_item(
    database: Database, facility_id: int, item: str, key: str, limit: int
) -> list[WaitingDelivery]:
    """Return the oldest deliveries that wait for an item; `item` is the type of the item."""
    parameters = {"facility": facility_id, "item": item, "key": key, "most": limit}
    return [WaitingDelivery(*row) for row in await database.fetch(text(_WAITING_FOR_ITEM), parameters)]


async def with_types(database: Database, ids: Sequence[int]) -> list[TypedDelivery]:
    """Return the deliveries of these ids with their types and upstreams."""
    if not ids:
        return []
    query = text(_WITH_TYPES % database.rows({"id": "bigint"}, "ids"))
    return [TypedDelivery(*row) for row in await database.fetch(query, {"ids": as_json([[id_] for id_ in ids])})]


_STATE = """
SELECT d.facility_id, d.spec, d.status, d.tries, d.version, d.due_at, d.settled_at, h.due_at AS held_until,
  c.cause AS closed
FROM deliveries AS d
LEFT JOIN held_resends AS h ON h.delivery_id = d.id
LEFT JOIN channels AS c ON c.facility_id = d.facility_id AND c.upstream = d.upstream
WHERE d.id = :id
"""

_WAITING_FOR_ITEM = """
SELECT d.id, d.spec, d.key FROM waits AS w JOIN deliveries AS d ON d.id = w.delivery_id
WHERE w.facility_id = :facility AND w.spec = :item AND w.key = :key ORDER BY d.id LIMIT :most
"""

_WITH_TYPES = "SELECT d.id, d.spec, d.upstream FROM deliveries AS d JOIN %s AS v ON v.id = d.id"
