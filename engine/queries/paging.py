"""Pages of deliveries, newest day first, by keyset: the same effort however deep and however many there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, select, text, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute

from engine.database.database import Database
from engine.database.tables import Attempt, Delivery
from engine.outbox.patient_index import found_by, is_found_by, words_of
from engine.queries.deliveries import Filters

MAX_COUNTED = 10_000  # as far as is counted one by one
MAX_PATIENTS = 500  # of more the newest deliveries are looked through, which then soon has a page full
MAX_EXACT = 100

CURSOR = r"^(\d{4}-\d{2}-\d{2})\.(\d{1,15})$"  # how a cursor is written

Clause = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the order of a list."""

    date: str
    id: int

    def __str__(self) -> str:
        return f"{self.date}.{self.id}"

    @classmethod
    def read(cls, said: str) -> Cursor | None:
        """What `str` made of it; None if it is something else."""
        found = re.fullmatch(CURSOR.strip("^$"), said, re.ASCII)
        return cls(found[1], int(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, newest first, and the cursors of the pages around it: rows `before` are newer, rows `after` older."""

    rows: list[Any]
    before: Cursor | None
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are; `more`: at least so many."""

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
    """The rows next to a cursor; without one the newest."""
    backwards = before is not None
    places = await _places(database, facility_id, filters, before or after, size + 1, backwards)
    query = select(Delivery.__table__).join(places, Delivery.id == places.c.id)
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


async def some(database: Database, facility_id: int, spec: str, ids: Sequence[int]) -> list[Any]:
    """These deliveries, as far as they are the facility's and of the type; the newest day first."""
    mine = [Delivery.facility_id == facility_id, _aside(Delivery.spec, [spec]), Delivery.id.in_(ids)]
    rows = await database.fetch(select(Delivery.__table__).where(*mine)) if ids else []
    return sorted(rows, key=lambda row: (row.date, row.id), reverse=True)


async def attempts(database: Database, ids: Sequence[int]) -> dict[int, int]:
    """How often each of these deliveries was tried; those that never were are left out."""
    of = Attempt.delivery_id
    query = select(of, func.count()).where(of.in_(ids)).group_by(of)
    return dict(map(tuple, await database.fetch(query))) if ids else {}


async def neighbours(
    database: Database, facility_id: int, filters: Filters, place: Cursor
) -> tuple[int | None, int | None]:
    """Ids of the next newer and the next older delivery of a list."""
    found: list[int | None] = []
    for backwards in (True, False):
        places = await _places(database, facility_id, filters, place, 1, backwards)
        found.append(next((row.id for row in await database.fetch(select(places.c.id))), None))
    return found[0], found[1]


async def count(database: Database, facility_id: int, filters: Filters, most: int = MAX_COUNTED) -> Count:
    """Exactly from the counters where only days, types and statuses are chosen; else counted as far as `most`."""
    if filters == Filters(filters.specs, filters.statuses, date_from=filters.date_from, date_to=filters.date_to):
        return Count(await _counted(database, facility_id, filters))
    places = await _places(database, facility_id, filters, None, most + 1, False)
    [(n,)] = await database.fetch(select(func.count()).select_from(places))
    return Count(min(n, most), n > most)


async def _counted(database: Database, facility_id: int, filters: Filters) -> int:
    table, days = "totals", ""
    if filters.date_from is not None or filters.date_to is not None:
        table, days = "counters", "AND date BETWEEN :since AND :until"
    query = f"SELECT spec, status, SUM(n) AS n FROM {table} WHERE facility_id = :facility {days} GROUP BY spec, status"
    values = {"since": filters.date_from or "0000-00-00", "until": filters.date_to or "9999-12-31"}
    rows = await database.fetch(text(query), {"facility": facility_id, **(values if days else {})})
    wanted = set(filters.statuses)
    specs = set(filters.specs)
    return sum(int(row.n) for row in rows if (not specs or row.spec in specs) and (not wanted or row.status in wanted))


async def _places(
    database: Database, facility_id: int, filters: Filters, start: Cursor | None, limit: int, backwards: bool
) -> Subquery:
    """(date, id) of the first rows from a place on, as a subquery.

    A union of parts, each of which one index yields in order: so no plan reads more than a page from each, and no
    statistics can mislead a planner.
    """
    if not filters.specs:
        filters = replace(filters, specs=await _types(database, facility_id))
    parts = await _parts(database, facility_id, filters)
    place = tuple_(Delivery.date, Delivery.id)
    around = [Delivery.facility_id == facility_id, *filters.times()]
    if start is not None:
        here = tuple_(start.date, start.id)
        around.append(place > here if backwards else place < here)
    picked = [
        _first(select(Delivery.date, Delivery.id).where(*around, *part), Delivery, limit, backwards) for part in parts
    ]
    picked = picked or [select(Delivery.date, Delivery.id).where(Delivery.id < 0).subquery()]
    united = union_all(*(select(each.c.date, each.c.id) for each in picked)).subquery()
    return _first(select(united.c.date, united.c.id), united.c, limit, backwards)


async def _types(database: Database, facility_id: int) -> list[str]:
    query = "SELECT DISTINCT spec FROM totals WHERE facility_id = :facility ORDER BY spec"
    return [spec for (spec,) in await database.fetch(text(query), {"facility": facility_id})]


def _first(query: Select[str, int], order: Any, limit: int, backwards: bool) -> Subquery:
    """So many rows from the new end of the order, or from the old end."""
    by = (order.date.asc(), order.id.asc()) if backwards else (order.date.desc(), order.id.desc())
    return query.order_by(*by).limit(limit).subquery()


async def _parts(database: Database, facility_id: int, filters: Filters) -> list[list[Clause]]:
    """Conditions that no two parts share a row of; each leads with what one index holds."""
    narrow: list[list[Clause]] = []
    wide: list[list[Clause]] = [[]]
    if filters.text is not None:
        narrow, wide = await _found(database, facility_id, filters)
    elif filters.reference is not None:
        narrow, wide = wide, narrow
    exact, codes = filters.exact(), filters.codes() if filters.code is not None else [[]]
    alone = not exact and filters.code is None
    parts = [[_aside(Delivery.spec, filters.specs), *lead, *_statuses(filters)] for lead in narrow]
    for spec, lead in product(filters.specs, wide):
        leading = (
            [[Delivery.status == each] for each in filters.statuses]
            if alone and filters.statuses
            else [_statuses(filters)]
        )
        parts += [[Delivery.spec == spec, *lead, *status] for status in leading]
    return [[*part, *exact, *code] for part, code in product(parts, codes)]


def _statuses(filters: Filters) -> list[Clause]:
    return [_aside(Delivery.status, filters.statuses)] if filters.statuses else []


def _aside(column: InstrumentedAttribute[str], values: Sequence[str]) -> Clause:
    """A condition that tempts no planner into an index of the column: another one is far better."""
    return column.concat("").in_(values)


async def _found(
    database: Database, facility_id: int, filters: Filters
) -> tuple[list[list[Clause]], list[list[Clause]]]:
    """The parts of a text search: those that name deliveries or patients, and one that has to look at each."""
    wanted = filters.text or ""
    named = select(Delivery.id).where(Delivery.facility_id == facility_id).limit(MAX_EXACT)
    by_key = named.where(Delivery.spec.in_(filters.specs), Delivery.key == wanted)
    by_reference = named.where(_aside(Delivery.spec, filters.specs), Delivery.reference == wanted)
    ids = sorted({id_ for query in (by_key, by_reference) for (id_,) in await database.fetch(query)})
    parts: list[list[Clause]] = [[Delivery.id.in_(ids)]] if ids else []
    others = [Delivery.id.not_in(ids)] if ids else []
    words = words_of(wanted)
    norms = await database.fetch(found_by(facility_id, words).limit(MAX_PATIENTS + 1)) if words else []
    if len(norms) > MAX_PATIENTS:
        return parts, [[is_found_by(words), *others]]
    if norms:
        parts.append([Delivery.patient_norm.in_(sorted({norm for (norm,) in norms})), *others])
    return parts, []
