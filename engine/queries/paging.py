"""Keyset paging of deliveries, newest day first: a page costs the same at any depth and any number of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Subquery, func, select, tuple_, union

from engine.database.database import Database
from engine.database.rows import DeliveryRow
from engine.database.statements import Query, Statement
from engine.database.tables import Attempt, Delivery, DeliveryValue
from engine.outbox import counters
from engine.outbox.list_index import day_number
from engine.queries.being_sent import shown
from engine.queries.deliveries import Filters
from engine.queries.parts import ListPart, is_wide, parts, without_index

MAX_COUNTED = 1_000  # rows that are counted one by one; of a larger number only that it is larger is known
MAX_LOOKED_THROUGH = 10_000  # deliveries that a search without an index may read

CURSOR = r"^(\d{4}-\d{2}-\d{2})\.(\d{1,15})$"  # pattern of a cursor's text


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
    query = Query(select(*shown(facility_id)).join(places, Delivery.id == places.c.id), DeliveryRow)
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


async def newest(database: Database, facility_id: int, filters: Filters) -> Filters:
    """Return the filters; if a search would have to look through too many deliveries, those of the newest days only.

    A beginning of a word that thousands of values share is such a search, and so is the version of an entry. The day
    from which it looks is `date_from`.
    """
    if filters.version is None and not await is_wide(database, facility_id, filters):
        return filters
    days = await counters.read_days(database, facility_id, filters.specs, filters.date_from, filters.date_to)
    n, start = 0, None
    for day, deliveries in days:
        n += deliveries
        if start is not None and n > MAX_LOOKED_THROUGH:
            return replace(filters, date_from=start)
        start = day
    return filters


async def by_ids(database: Database, facility_id: int, spec: str, ids: Sequence[int]) -> list[DeliveryRow]:
    """Return the deliveries with these ids that belong to the facility and the type, newest day first."""
    conditions = [Delivery.facility_id == facility_id, without_index(Delivery.spec, [spec]), Delivery.id.in_(ids)]
    query = Query(select(*shown(facility_id)).where(*conditions), DeliveryRow)
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
    """Count deliveries: from the counters if only days, types and statuses are filtered, else `most` row by row."""
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

    The subquery is a union of the parts of engine.queries.parts.
    """
    if not filters.specs:
        filters = replace(filters, specs=await _types(database, facility_id))
    picked = [
        (_with_values if part.values else _in_order)(part, facility_id, filters, start, limit, backwards)
        for part in await parts(database, facility_id, filters)
    ]
    picked = picked or [select(Delivery.date, Delivery.id).where(Delivery.id < 0).subquery()]
    united = union(*(select(part.c.date, part.c.id) for part in picked)).subquery()
    return _first(select(united.c.date, united.c.id), united.c.date, united.c.id, limit, backwards)


def _in_order(
    part: ListPart, facility_id: int, filters: Filters, start: Cursor | None, limit: int, backwards: bool
) -> Subquery:
    """Select the first rows of a part from the deliveries themselves."""
    query = select(Delivery.date, Delivery.id)
    query = query.where(Delivery.facility_id == facility_id, *filters.times(), *part.conditions)
    if start is not None:
        query = query.where(_beyond(Delivery.date, Delivery.id, start.date, start.id, backwards))
    return _first(query, Delivery.date, Delivery.id, limit, backwards)


def _with_values(
    part: ListPart, facility_id: int, filters: Filters, start: Cursor | None, limit: int, backwards: bool
) -> Subquery:
    """Select the first rows of a part from the index of values, which has the order of the list."""
    day, id_ = DeliveryValue.day, DeliveryValue.delivery_id
    query = select(Delivery.date, Delivery.id).join(DeliveryValue, id_ == Delivery.id)
    query = query.where(DeliveryValue.value_id.in_(part.values), *filters.times(), *part.conditions)
    if filters.date_from is not None:
        query = query.where(day >= day_number(filters.date_from))
    if filters.date_to is not None:
        query = query.where(day <= day_number(filters.date_to))
    if start is not None:
        query = query.where(_beyond(day, id_, day_number(start.date), start.id, backwards))
    return _first(query, day, id_, limit, backwards)


def _beyond(first: Any, second: Any, start: str | int, id_: int, backwards: bool) -> ColumnElement[bool]:
    """Return the condition that (first, second) is beyond a position."""
    place, here = tuple_(first, second), tuple_(start, id_)
    return place > here if backwards else place < here


def _first(query: Select[str, int], date: Any, id_: Any, limit: int, backwards: bool) -> Subquery:
    """Limit a query to the first rows of the order, newest first, or oldest first if `backwards`."""
    by = (date.asc(), id_.asc()) if backwards else (date.desc(), id_.desc())
    return query.order_by(*by).limit(limit).subquery()


async def _types(database: Database, facility_id: int) -> list[str]:
    return await database.fetch(_TYPES, {"facility": facility_id})


_TYPES = Statement("SELECT DISTINCT spec FROM totals WHERE facility_id = :facility ORDER BY spec", str)
