"""Visits with their deliveries, of one patient or one day; each query reads what it shows, whatever else is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from engine.database.database import Database
from engine.database.statements import Query, Statement
from engine.database.tables import Delivery, VisitDelivery, VisitRow
from engine.delivery.status import Status
from engine.queries.column_search import ColumnFilter, has_value
from engine.visits.visit_index import members_of

MAX_DELIVERIES = 500  # of a visit that its page shows
ENDED = (Status.SENT, Status.IGNORED)  # a visit with any other delivery is not complete


class StoredVisit(NamedTuple):
    """A row of `visits`; engine.database.tables.VisitRow explains the columns."""

    id: int
    facility_id: int
    key: str
    day: str | None
    patient_norm: str | None
    delivery_id: int | None
    use_cases: str
    lacks: str
    lacks_from: int | None
    changes: int
    reviewed: int


class DeliveryOfVisit(NamedTuple):
    """A delivery as the pages about visits show it."""

    visit_id: int
    id: int
    spec: str
    key: str
    status: str
    patient_name: str | None
    tries: int
    http_status: int | None
    code: str | None
    problem: str | None
    cause: str | None
    due_at: int | None
    created_at: int
    changed_at: int
    settled_at: int | None
    version: int
    withdrawn_at: int | None


class VisitEvent(NamedTuple):
    """An attempt of a visit's delivery, or an action of a person on one (`actor`); the words are in `message`."""

    delivery_id: int
    at: int
    kind: str
    verdict: str
    code: str
    message: str
    actor: str


class NeededByVisit(NamedTuple):
    """A record that a delivery waits for."""

    delivery_id: int
    spec: str
    key: str


class StatusCount(NamedTuple):
    """Number of a day's deliveries of a type in a status."""

    spec: str
    status: str
    n: int


@dataclass(frozen=True, slots=True)
class DayFilters:
    """The visits of a day that are shown; `columns` are of the records that are visits."""

    day: str
    incomplete: bool = False
    columns: tuple[ColumnFilter, ...] = ()

    def conditions(self, facility_id: int) -> list[ColumnElement[bool]]:
        """Return the filter as SQL."""
        clauses: list[ColumnElement[bool]] = [VisitRow.facility_id == facility_id, VisitRow.day == self.day]
        if self.incomplete:
            clauses.append(or_(VisitRow.lacks_from.is_not(None), _has_open_delivery()))
        if self.columns:
            mine = [Delivery.id == VisitRow.delivery_id, *(has_value(column) for column in self.columns)]
            clauses.append(exists().where(and_(*mine)))
        return clauses


def _has_open_delivery() -> ColumnElement[bool]:
    mine = and_(VisitDelivery.visit_id == VisitRow.id, Delivery.id == VisitDelivery.delivery_id)
    first = select(Delivery.id).where(mine, Delivery.status.not_in(ENDED)).limit(1)
    # No EXISTS: beside OR, PostgreSQL may answer that for all visits at once, from all deliveries.
    return first.correlate(VisitRow).scalar_subquery().is_not(None)


async def visit(database: Database, facility_id: int, id_: int) -> StoredVisit | None:
    """Return a visit; None if the facility has no such visit."""
    query = select(*VisitRow.__table__.c).where(VisitRow.id == id_, VisitRow.facility_id == facility_id)
    return await database.first(Query(query, StoredVisit))


async def visit_by_key(database: Database, facility_id: int, key: str) -> StoredVisit | None:
    """Return the visit of that key, None if there is none."""
    query = select(*VisitRow.__table__.c).where(VisitRow.facility_id == facility_id, VisitRow.key == key)
    return await database.first(Query(query, StoredVisit))


async def visit_of_delivery(database: Database, facility_id: int, delivery_id: int) -> StoredVisit | None:
    """Return the visit that a delivery belongs to, None if it belongs to none."""
    query = (
        select(*VisitRow.__table__.c)
        .join(VisitDelivery, VisitDelivery.visit_id == VisitRow.id)
        .where(VisitDelivery.delivery_id == delivery_id, VisitRow.facility_id == facility_id)
    )
    return await database.first(Query(query, StoredVisit))


async def visits_of_patient(
    database: Database, facility_id: int, norm: str, size: int, before: tuple[str, int] | None = None
) -> list[StoredVisit]:
    """Return visits of a patient, the newest first; `before` is day and id of the last one of the page before."""
    query = select(*VisitRow.__table__.c).where(VisitRow.facility_id == facility_id, VisitRow.patient_norm == norm)
    if before is not None:
        query = query.where(_is_before(*before))
    query = query.order_by(VisitRow.day.desc(), VisitRow.id.desc()).limit(size)
    return await database.fetch(Query(query, StoredVisit))


def _is_before(day: str, id_: int) -> ColumnElement[bool]:
    return or_(VisitRow.day < day, and_(VisitRow.day == day, VisitRow.id < id_))


async def visits_of_day(
    database: Database, facility_id: int, filters: DayFilters, size: int, after: int = 0
) -> list[StoredVisit]:
    """Return visits of a day in the order in which they became known, those after an id."""
    query = select(*VisitRow.__table__.c).where(*filters.conditions(facility_id), VisitRow.id > after)
    return await database.fetch(Query(query.order_by(VisitRow.id).limit(size), StoredVisit))


async def count_of_day(database: Database, facility_id: int, filters: DayFilters) -> int:
    """Return the number of visits of a day."""
    query = select(func.count()).select_from(VisitRow).where(*filters.conditions(facility_id))
    return await database.first(Query(query, int)) or 0


async def totals_of_day(database: Database, facility_id: int, day: str) -> list[StatusCount]:
    """Return the numbers of the deliveries of a day's visits by type and status."""
    return await database.fetch(_TOTALS, {"facility": facility_id, "day": day})


async def deliveries_of(database: Database, facility_id: int, ids: Sequence[int]) -> list[DeliveryOfVisit]:
    """Return the deliveries of visits by id, as they are shown: what a worker holds is being sent."""
    members = await members_of(database, ids)
    shown = [tuple(member) for member in members[: MAX_DELIVERIES * len(ids)]]
    rows = await database.fetch(_DELIVERIES, {"facility": facility_id, "rows": shown}) if shown else []
    return sorted(rows, key=lambda row: (row.visit_id, row.id))


async def events_of(database: Database, visit_id: int, limit: int) -> list[VisitEvent]:
    """Return the newest attempts of a visit's deliveries and actions of people on them, newest first."""
    parameters = {"visit": visit_id, "most": limit}
    rows = await database.fetch(_ATTEMPTS, parameters) + await database.fetch(_ACTIONS, parameters)
    return sorted(rows, key=lambda row: row.at, reverse=True)[:limit]


async def waits_of(database: Database, ids: Sequence[int]) -> list[NeededByVisit]:
    """Return what deliveries wait for."""
    return await database.fetch(_WAITS, {"ids": list(ids)}) if ids else []


# Columns of a DeliveryOfVisit but the visit: what a worker holds is being sent.
SHOWN = """d.id, d.spec, d.key,
  CASE WHEN d.id IN (SELECT delivery_id FROM held_deliveries WHERE facility_id = :facility) THEN 'sending'
    ELSE d.status END AS status,
  d.patient_name, d.tries, d.http_status, d.code, d.problem, d.cause, d.due_at, d.created_at, d.changed_at,
  d.settled_at, d.version, d.withdrawn_at"""
_WAITS = Statement(
    "SELECT w.delivery_id, w.spec, w.key FROM {ids} AS v JOIN waits AS w ON w.delivery_id = v.id "
    "ORDER BY w.delivery_id, w.spec, w.key",
    NeededByVisit,
    ids="id bigint",
)
_DELIVERIES = Statement(
    f"SELECT v.visit_id, {SHOWN} FROM {{rows}} AS v JOIN deliveries AS d ON d.id = v.id",
    DeliveryOfVisit,
    rows="visit_id bigint, id bigint",
)
_TOTALS = Statement(
    """
SELECT d.spec, d.status, COUNT(*) AS n FROM visits AS s
JOIN visit_deliveries AS m ON m.visit_id = s.id JOIN deliveries AS d ON d.id = m.delivery_id
WHERE s.facility_id = :facility AND s.day = :day GROUP BY d.spec, d.status
""",
    StatusCount,
)
_ATTEMPTS = Statement(
    """
SELECT a.delivery_id, a.at, a.operation AS kind, a.verdict,
  CASE WHEN a.http_status IS NULL THEN COALESCE(a.code, '') ELSE CAST(a.http_status AS TEXT) END AS code, a.message,
  '' AS actor
FROM visit_deliveries AS m JOIN attempts AS a ON a.delivery_id = m.delivery_id
WHERE m.visit_id = :visit ORDER BY a.id DESC LIMIT :most
""",
    VisitEvent,
)
_ACTIONS = Statement(
    """
SELECT a.delivery_id, a.at, a.action AS kind, '' AS verdict, '' AS code, a.reason AS message, a.actor
FROM visit_deliveries AS m JOIN audit AS a ON a.delivery_id = m.delivery_id
WHERE m.visit_id = :visit ORDER BY a.id DESC LIMIT :most
""",
    VisitEvent,
)
