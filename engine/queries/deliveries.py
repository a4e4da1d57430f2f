"""Filters of delivery lists, and a single delivery with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, null, or_, select

from engine.database.database import Database
from engine.database.rows import AuditRow, DeliveryRow
from engine.database.statements import Query, Statement
from engine.database.tables import Attempt, AuditEntry, Delivery, Wait
from engine.delivery.bodies import unpacked
from engine.delivery.search_words import words_of
from engine.outbox.patient_index import patient_matches
from engine.queries.being_sent import shown, shown_status
from engine.queries.column_search import ColumnFilter, has_value, has_words
from engine.queries.entry_versions import last_version

HTTP_DIGITS = 3
# Only HTTP codes from here on can be filtered by; successes are filtered by their status.
FIRST_ERROR_STATUS = 400


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions of a list, all optional. Dates are inclusive, `since` is epoch milliseconds.

    `text` matches a source id, an upstream's id, a patient's norm or the beginnings of words of the name, or of words
    in one of the columns. `code` matches the HTTP code or the business code of a failure. `columns` are of one type.
    `version` is the hash of the entry with which it was created or updated last; see engine.queries.entry_versions.
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
    columns: tuple[ColumnFilter, ...] = ()
    version: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the filter as SQL, without the facility."""
        clauses = [*self.exact(), *self.times()]
        if self.specs:
            clauses.append(Delivery.spec.in_(self.specs))
        if self.statuses:
            clauses.append(Delivery.status.in_(self.statuses))
        if self.code is not None:
            clauses.append(self.code_condition())
        if self.text is not None:
            clauses.append(self.text_condition())
        return [*clauses, *(has_value(column) for column in self.columns)]

    def text_condition(self) -> ColumnElement[bool]:
        """Return the condition that `text` matches."""
        words = words_of(self.text or "")
        by_words = [patient_matches(words), *has_words(self.text or "")] if words else []
        return or_(Delivery.key == self.text, Delivery.reference == self.text, *by_words)

    def code_condition(self) -> ColumnElement[bool]:
        """Return the condition that `code` matches."""
        return or_(*(and_(*alternative) for alternative in self.codes()))

    def exact(self) -> list[ColumnElement[bool]]:
        """Return the conditions that a column equals a value."""
        values = {
            Delivery.key: self.key,
            Delivery.patient_norm: self.norm,
            Delivery.reference: self.reference,
            Delivery.cause: self.cause,
        }
        clauses = [column == value for column, value in values.items() if value is not None]
        return clauses if self.version is None else [*clauses, last_version() == self.version]

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


class DetailedAttempt(NamedTuple):
    """An attempt of a delivery; `request` and `response` are None where only their stored bytes are counted."""

    id: int
    at: int
    milliseconds: int
    operation: str
    trigger: str
    spec_hash: str
    version: int
    method: str | None
    path: str | None
    request: bytes | None
    http_status: int | None
    code: str | None
    verdict: str
    message: str
    response: bytes | None
    headers: str | None
    pruned_at: int | None
    request_size: int
    response_size: int

    def unpacked(self) -> DetailedAttempt:
        """Return the attempt with its bodies as they were sent and received."""
        return self._replace(request=unpacked(self.request), response=unpacked(self.response))


class AwaitedRecord(NamedTuple):
    """A record that a delivery waits for; id and status of its delivery are None until it has been submitted."""

    spec: str
    key: str
    alternative: bool
    id: int | None
    status: str | None


class Dependant(NamedTuple):
    """A delivery that waits for another one."""

    id: int
    spec: str
    key: str
    status: str


class DeliveryState(NamedTuple):
    """Present state of a delivery.

    `held_until` is when a resend that can still be undone becomes due, `closed` is why its channel is closed.
    """

    facility_id: int
    spec: str
    status: str
    tries: int
    version: int
    due_at: int | None
    settled_at: int | None
    held_until: int | None
    closed: str | None
    pause: int | None  # a pause that keeps its type or its upstream


@dataclass(frozen=True, slots=True)
class Detail:
    """A delivery with its attempts (newest first), needs, waiting deliveries, and audit entries."""

    row: DeliveryRow
    attempts: Sequence[DetailedAttempt]
    waits_for: Sequence[AwaitedRecord]
    waited_for_by: Sequence[Dependant]
    audit: Sequence[AuditRow]


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
    deliveries = select(*shown(facility_id)).where(Delivery.id == id_, Delivery.facility_id == facility_id)
    row = await database.first(Query(deliveries, DeliveryRow))
    if row is None:
        return None
    attempts = _attempts(id_, bodies=bodies).order_by(Attempt.id.desc())
    audit = select(AuditEntry.__table__).where(AuditEntry.delivery_id == id_).order_by(AuditEntry.id)
    return Detail(
        row,
        [attempt.unpacked() for attempt in await database.fetch(Query(attempts, DetailedAttempt))],
        await database.fetch(_waits_for(row)),
        await database.fetch(_waited_for_by(row)),
        await database.fetch(Query(audit, AuditRow)),
    )


async def tries(database: Database, id_: int, ids: Sequence[int]) -> dict[int, DetailedAttempt]:
    """Return these attempts of a delivery with their bodies, by id; attempts of other deliveries are left out."""
    attempts = _attempts(id_, bodies=True).where(Attempt.id.in_(ids))
    return {row.id: row.unpacked() for row in await database.fetch(Query(attempts, DetailedAttempt))} if ids else {}


async def attempts_of(database: Database, ids: Sequence[int]) -> dict[int, int]:
    """Return how many attempts are kept of each delivery, by its id; a delivery without any is left out."""
    counted = select(Attempt.delivery_id, func.count()).where(Attempt.delivery_id.in_(ids))
    rows = await database.fetch(Query(counted.group_by(Attempt.delivery_id), _AttemptCount)) if ids else []
    return {row.delivery_id: row.n for row in rows}


class _AttemptCount(NamedTuple):
    delivery_id: int
    n: int


def _attempts(id_: int, *, bodies: bool) -> Select[Any]:
    """Select the fields of DetailedAttempt."""
    columns: dict[str, ColumnElement[Any]] = dict(Attempt.__table__.c)
    columns |= {f"{name}_size": func.coalesce(func.length(columns[name]), 0) for name in BODIES}
    if not bodies:
        columns |= {name: null() for name in BODIES}
    return select(*(columns[name].label(name) for name in DetailedAttempt._fields)).where(Attempt.delivery_id == id_)


def _waits_for(row: DeliveryRow) -> Query[AwaitedRecord]:
    """Select the needed records, with their delivery if they have been submitted."""
    needed = and_(Delivery.facility_id == Wait.facility_id, Delivery.spec == Wait.spec, Delivery.key == Wait.key)
    query = (
        select(Wait.spec, Wait.key, Wait.alternative, Delivery.id, shown_status(row.facility_id))
        .join(Delivery, needed, isouter=True)
        .where(Wait.delivery_id == row.id)
        .order_by(Wait.key, Wait.spec)
    )
    return Query(query, AwaitedRecord)


def _waited_for_by(row: DeliveryRow) -> Query[Dependant]:
    query = (
        select(Delivery.id, Delivery.spec, Delivery.key, Delivery.status)
        .join(Wait, Wait.delivery_id == Delivery.id)
        .where(Wait.facility_id == row.facility_id, Wait.spec == row.spec, Wait.key == row.key)
        .limit(MAX_WAITING)
    )
    return Query(query, Dependant)


async def state(database: Database, id_: int) -> DeliveryState | None:
    """Return the present state of a delivery, None if it does not exist; cheap enough for pages to poll."""
    return await database.first(_STATE, {"id": id_, "now": database.clock()})


async def waiting_for_item(
    database: Database, facility_id: int, item: str, key: str, limit: int
) -> list[WaitingDelivery]:
    """Return the oldest deliveries that wait for an item; `item` is the type of the item."""
    parameters = {"facility": facility_id, "item": item, "key": key, "most": limit}
    return await database.fetch(_WAITING_FOR_ITEM, parameters)


async def with_types(database: Database, ids: Sequence[int]) -> list[TypedDelivery]:
    """Return the deliveries of these ids with their types and upstreams."""
    return await database.fetch(_WITH_TYPES, {"ids": ids}) if ids else []


_STATE = Statement(
    """
SELECT d.facility_id, d.spec, CASE WHEN l.delivery_id IS NULL THEN d.status ELSE 'sending' END AS status, d.tries,
  d.version, CASE WHEN l.delivery_id IS NULL THEN d.due_at END AS due_at, d.settled_at, h.due_at AS held_until,
  c.cause AS closed, (SELECT MAX(p.id) FROM pauses AS p
    WHERE p.returned_at IS NULL AND p.ended_at IS NULL
      AND p.begins_at <= :now AND (p.ends_at IS NULL OR p.ends_at > :now) AND p.upstream = d.upstream
      AND (p.spec = d.spec OR p.spec IS NULL)
      AND (p.facility_id = d.facility_id OR p.facility_id IS NULL)) AS pause
FROM deliveries AS d
LEFT JOIN held_deliveries AS l ON l.facility_id = d.facility_id AND l.delivery_id = d.id
LEFT JOIN held_resends AS h ON h.delivery_id = d.id
LEFT JOIN channels AS c ON c.facility_id = d.facility_id AND c.upstream = d.upstream
WHERE d.id = :id
""",
    DeliveryState,
)
_WAITING_FOR_ITEM = Statement(
    """
SELECT d.id, d.spec, d.key FROM waits AS w JOIN deliveries AS d ON d.id = w.delivery_id
WHERE w.facility_id = :facility AND w.spec = :item AND w.key = :key ORDER BY d.id LIMIT :most
""",
    WaitingDelivery,
)
_WITH_TYPES = Statement(
    "SELECT d.id, d.spec, d.upstream FROM deliveries AS d JOIN {ids} AS v ON v.id = d.id",
    TypedDelivery,
    ids="id bigint",
)
