"""Records that visits should have and nobody has handed in: overdue visits, their growth, and a month of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, or_, select

from engine.database.database import Database
from engine.database.statements import Query, Statement
from engine.database.tables import VisitRow
from engine.queries.paging import MAX_COUNTED, Count
from engine.queries.visits import StoredVisit

DAY_MS = 86_400_000


class Growth(NamedTuple):
    """Number of a clinic's visits that have become overdue within a day, and within the day before."""

    facility_id: int
    n: int
    before: int


class JudgedVisit(NamedTuple):
    """Use cases of a visit and what it lacks of them, as JSON; see engine.visits.visit_index.StoredLack."""

    use_cases: str
    lacks: str


async def overdue_visits(
    database: Database, facility_id: int, now: int, size: int, after: tuple[int, int] | None = None
) -> list[StoredVisit]:
    """Return visits that lack something that should have been handed in by now, the last to become so first.

    `after` is that time and the id of the last visit of the page before.
    """
    row = VisitRow
    query = select(*row.__table__.c).where(row.facility_id == facility_id, row.lacks_from <= now)
    if after is not None:
        at, id_ = after
        query = query.where(or_(row.lacks_from < at, and_(row.lacks_from == at, row.id < id_)))
    return await database.fetch(Query(query.order_by(row.lacks_from.desc(), row.id.desc()).limit(size), StoredVisit))


async def count_overdue(database: Database, facility_id: int, now: int) -> Count:
    """Return the number of these visits, counted up to MAX_COUNTED."""
    n = await database.first(_COUNT, {"facility": facility_id, "now": now, "most": MAX_COUNTED + 1}) or 0
    return Count(min(n, MAX_COUNTED), n > MAX_COUNTED)


async def growth(database: Database, facility_ids: Sequence[int], now: int) -> dict[int, Growth]:
    """Return the growth by clinic; clinics where nothing became overdue are left out."""
    parameters = {"ids": list(facility_ids), "now": now, "day": now - DAY_MS, "before": now - 2 * DAY_MS}
    return {row.facility_id: row for row in await database.fetch(_GROWTH, parameters)}


async def judged_visits(database: Database, facility_id: int, first: str, last: str) -> list[JudgedVisit]:
    """Return the visits of the days from `first` to `last` (both inclusive) that are of any use case."""
    return await database.fetch(_JUDGED, {"facility": facility_id, "first": first, "last": last})


# Ordered for PostgreSQL, which otherwise looks for overdue visits among all.
_COUNT = Statement(
    """
SELECT COUNT(*) FROM (
  SELECT 1 FROM visits WHERE facility_id = :facility AND lacks_from <= :now ORDER BY lacks_from LIMIT :most
) AS s
""",
    int,
)
_GROWTH = Statement(
    """
SELECT s.facility_id, SUM(CASE WHEN s.lacks_from > :day THEN 1 ELSE 0 END) AS n,
  SUM(CASE WHEN s.lacks_from > :day THEN 0 ELSE 1 END) AS before
FROM {ids} AS v JOIN visits AS s ON s.facility_id = v.id AND s.lacks_from > :before AND s.lacks_from <= :now
GROUP BY s.facility_id
""",
    Growth,
    ids="id integer",
)
_JUDGED = Statement(
    "SELECT use_cases, lacks FROM visits "
    "WHERE facility_id = :facility AND day BETWEEN :first AND :last AND use_cases <> '[]'",
    JudgedVisit,
)
