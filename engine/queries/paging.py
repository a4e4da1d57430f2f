"""Keyset paging of deliveries, newest day first: a page costs the same at any depth and any number of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Subquery, func, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute

from engine.database.database import Database
from engine.database.rows import DeliveryRow
from engine.database.statements import Query, Statement
from engine.database.tables import Attempt, Delivery
from engine.outbox import counters
from engine.outbox.patient_index import matching_norms, patient_matches, words_of
from engine.queries.deliveries import Filters

MAX_COUNTED = 10_000  # rows that are counted one by one; of a larger number only that it is larger is known
MAX_PATIENTS = 500  # if more patients match, the newest deliveries are scanned, which soon fills a page
MAX_EXACT = 100

CURSOR = r"^(\d{4}-\d{2}-\d{2})\.(\d{1,15})$"  # pattern of a cursor's text

Clause = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in the order of a list."""

    date: str
    id: int

    def __str__(self) -> str:
        return f"{self.date}.{self.id}"

    @classmethod
    def read(cls, written: str) -> Cursor | None:
        """Parse a cursor's text; None if the text is no cursor."""
        match = re.fullmatch(CURSOR.strip("^$"), written, re.ASCII)
        return cls(match[1], int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, newest first, and the cursors of its neighbours: rows `before` are newer, rows `after` are older."""

    rows: list[DeliveryRow]
    before: Cursor | None
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class Count:
    """Number of deliveries; `more`: there are more than `n`."""

    n: int
    more: bool = False


async def page(
    database: Database,
    facility_id: int,
    filters: Filters,
    size: int,
    *,
    after: Cursor | None = None,
    before: Cursor | None = None,
) -> Page:
    """Return the page next to a cursor; without a cursor the newest page."""
    backwards = before is not None
    places = await _places(database, facility_id, filters, before or after, size + 1, backwards)
    query = Query(select(Delivery.__table__).join(places, Delivery.id == places.c.id), DeliveryRow)
    rows = sorted(await database.fetch(query), key=lambda row: (row.date, row.id), reverse=not backwards)
    more = len(rows) > size
    rows = sorted(rows[:size], key=lambda row: (row.date, row.id), reverse=True)
    newer = more if backwards else after is not None
    older = backwards or more
    return Page(
        rows,
        Cursor(rows[0].date, rows[0].id) if rows and newer else None,
        Cursor(rows[-1].date, rows[-1].id) if rows and older else None,
    )


async def by_ids(database: Database, facility_id: int, spec: str, ids: Sequence[int]) -> list[DeliveryRow]:
    """Return the deliveries with these ids that belong to the facility and the type, newest day first."""
    conditions = [Delivery.facility_id == facility_id, _without_index(Delivery.spec, [spec]), Delivery.id.in_(ids)]
    query = Query(select(Delivery.__table__).where(*conditions), DeliveryRow)
    rows = await database.fetch(query) if ids else []
    return sorted(rows, key=lambda row: (row.date, row.id), reverse=True)


async def attempts(database: Database, ids: Sequence[int]) -> dict[int, int]:
    """Return the number of attempts by delivery; deliveries without attempts are left out."""
    of = Attempt.delivery_id
    query = Query(select(of, func.count()).where(of.in_(ids)).group_by(of), _Attempts)
    return {row.delivery_id: row.n for row in await database.fetch(query)} if ids else {}


class _Attempts(NamedTuple):
    """Number of a delivery's attempts."""

    delivery_id: int
    n: int


async def neighbours(
    database: Database, facility_id: int, filters: Filters, place: Cursor
) -> tuple[int | None, int | None]:
    """Return the ids of the next newer and the next older delivery of a list."""
    ids: list[int | None] = []
    for backwards in (True, False):
        places = await _places(database, facility_id, filters, place, 1, backwards)
        ids.append(await database.first(Query(select(places.c.id), int)))
    return ids[0], ids[1]


async def count(database: Database, facility_id: int, filters: Filters, most: int = MAX_COUNTED) -> Count:
    """Count deliveries: from the counters if only days, types and statuses are filtered, else row by row to `most`."""
    if _in_counters(filters):
        return Count(await _counted(database, facility_id, filters))
    places = await _places(database, facility_id, filters, None, most + 1, False)
    [n] = await database.fetch(Query(select(func.count()).select_from(places), int))
    return Count(min(n, most), n > most)


async def count_before(database: Database, facility_id: int, filters: Filters, place: Cursor) -> Count:
    """Count the deliveries before a position of a list: newer days from the counters, and the rest of its day."""
    if _in_counters(filters):
        newer = replace(filters, date_from=_day_after(place.date))
        same_day = replace(filters, date_from=place.date, date_to=place.date)
        days = await _counted(database, facility_id, newer) if not _ended(newer) else 0
    else:
        same_day, days = filters, 0
    places = await _places(database, facility_id, same_day, place, MAX_COUNTED + 1, True)
    [n] = await database.fetch(Query(select(func.count()).select_from(places), int))
    return Count(days + min(n, MAX_COUNTED), n > MAX_COUNTED)


def _in_counters(filters: Filters) -> bool:
    return filters == Filters(filters.specs, filters.statuses, date_from=filters.date_from, date_to=filters.date_to)


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _ended(filters: Filters) -> bool:
    return bool(filters.date_from and filters.date_to and filters.date_from > filters.date_to)


async def _counted(database: Database, facility_id: int, filters: Filters) -> int:
    counts = await counters.read(database, facility_id, filters.date_from, filters.date_to)
    by_status = (counts.get(spec, {}) for spec in filters.specs or counts)
    return sum(n for numbers in by_status for status, n in numbers.items() if status in (filters.statuses or numbers))


async def _places(
    database: Database, facility_id: int, filters: Filters, start: Cursor | None, limit: int, backwards: bool
) -> Subquery:
    """Return (date, id) of the first rows from a position on, as a subquery.

    The subquery is a union of parts, each read in order from one index. So every plan reads at most a page from each
    part, and wrong statistics cannot mislead the planner.
    """
    if not filters.specs:
        filters = replace(filters, specs=await _types(database, facility_id))
    parts = await _parts(database, facility_id, filters)
    place = tuple_(Delivery.date, Delivery.id)
    common = [Delivery.facility_id == facility_id, *filters.times()]
    if start is not None:
        here = tuple_(start.date, start.id)
        common.append(place > here if backwards else place < here)
    picked = [
        _first(select(Delivery.date, Delivery.id).where(*common, *part), Delivery, limit, backwards) for part in parts
    ]
    picked = picked or [select(Delivery.date, Delivery.id).where(Delivery.id < 0).subquery()]
    united = union_all(*(select(part.c.date, part.c.id) for part in picked)).subquery()
    return _first(select(united.c.date, united.c.id), united.c, limit, backwards)


async def _types(database: Database, facility_id: int) -> list[str]:
    return await database.fetch(_TYPES, {"facility": facility_id})


_TYPES = Statement("SELECT DISTINCT spec FROM totals WHERE facility_id = :facility ORDER BY spec", str)


def _first(query: Select[str, int], order: Any, limit: int, backwards: bool) -> Subquery:
    """Limit a query to the first rows of the order, newest first, or oldest first if `backwards`."""
    by = (order.date.asc(), order.id.asc()) if backwards else (order.date.desc(), order.id.desc())
    return query.order_by(*by).limit(limit).subquery()


async def _parts(database: Database, facility_id: int, filters: Filters) -> list[list[Clause]]:
    """Return the conditions of each part; no row is in two parts, and each part begins with the columns of an index."""
    narrow: list[list[Clause]] = []
    wide: list[list[Clause]] = [[]]
    if filters.text is not None:
        narrow, wide = await _text_parts(database, facility_id, filters)
    elif filters.reference is not None:
        narrow, wide = wide, narrow
    exact, codes = filters.exact(), filters.codes() if filters.code is not None else [[]]
    alone = not exact and filters.code is None
    parts = [[_without_index(Delivery.spec, filters.specs), *lead, *_statuses(filters)] for lead in narrow]
    for spec, lead in product(filters.specs, wide):
        leading = (
            [[Delivery.status == status] for status in filters.statuses]
            if alone and filters.statuses
            else [_statuses(filters)]
        )
        parts += [[Delivery.spec == spec, *lead, *conditions] for conditions in leading]
    return [[*part, *exact, *code] for part, code in product(parts, codes)]


def _statuses(filters: Filters) -> list[Clause]:
    return [_without_index(Delivery.status, filters.statuses)] if filters.statuses else []


def _without_index(column: InstrumentedAttribute[str], values: Sequence[str]) -> Clause:
    """Return a condition for which no planner uses an index of the column: another index is far better."""
    return column.concat("").in_(values)


async def _text_parts(
    database: Database, facility_id: int, filters: Filters
) -> tuple[list[list[Clause]], list[list[Clause]]]:
    """Return the parts of a text search: parts that name deliveries or patients, and a part that scans all rows."""
    typed = filters.text or ""
    named = select(Delivery.id).where(Delivery.facility_id == facility_id).limit(MAX_EXACT)
    by_key = named.where(Delivery.spec.in_(filters.specs), Delivery.key == typed)
    by_reference = named.where(_without_index(Delivery.spec, filters.specs), Delivery.reference == typed)
    ids = sorted({id_ for query in (by_key, by_reference) for id_ in await database.fetch(Query(query, int))})
    parts: list[list[Clause]] = [[Delivery.id.in_(ids)]] if ids else []
    others = [Delivery.id.not_in(ids)] if ids else []
    words = words_of(typed)
    patients = Query(matching_norms(facility_id, words).limit(MAX_PATIENTS + 1), str) if words else None
    norms = await database.fetch(patients) if patients else []
    if len(norms) > MAX_PATIENTS:
        return parts, [[patient_matches(words), *others]]
    if norms:
        parts.append([Delivery.patient_norm.in_(sorted(set(norms))), *others])
    return parts, []
