"""Parts of a list: each is read in order from one index, and together they are the list.

So every plan reads at most a page from each part, and wrong statistics cannot mislead the planner. A delivery may be
in several parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from engine.database.database import Database
from engine.database.statements import Query
from engine.database.tables import Delivery
from engine.delivery.search_words import words_of
from engine.delivery.status import Status
from engine.outbox.patient_index import matching_norms, patient_matches
from engine.queries.being_sent import CLAIMABLE, has_status, held, shown_status
from engine.queries.column_search import ValueSet, has_value, has_words, values_of
from engine.queries.deliveries import Filters

MAX_PATIENTS = 500  # if more patients match, the newest deliveries are scanned, which soon fills a page
MAX_EXACT = 100
MAX_VALUE_PARTS = 20  # values with many deliveries each of which becomes a part

Clause = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class ListPart:
    """Conditions on deliveries; with `values`, of the deliveries that have one of these values of a column."""

    conditions: Sequence[Clause]
    values: Sequence[int] = ()


async def parts(database: Database, facility_id: int, filters: Filters) -> list[ListPart]:
    """Return the parts of a list."""
    if filters.columns:
        sets = [await values_of(database, facility_id, filters.specs, column) for column in filters.columns]
        if not all(values.ids for values in sets):
            return []
        rarest = min(range(len(sets)), key=lambda at: sets[at].total)
        if leading := _of_values(sets[rarest], filters):
            others = [has_value(column) for at, column in enumerate(filters.columns) if at != rarest]
            rest = [*filters.exact(), *_code(filters), *_statuses(facility_id, filters), *_text(filters), *others]
            return [ListPart(rest, values) for values in leading]
    narrow, wide = await _leads(database, facility_id, filters)
    rest = [*filters.exact(), *(has_value(column) for column in filters.columns)]
    codes = filters.codes() if filters.code is not None else [[]]
    return [
        ListPart([*part.conditions, *rest, *code], part.values)
        for part, code in product([*narrow, *await _scans(database, facility_id, filters, wide)], codes)
    ]


async def is_wide(database: Database, facility_id: int, filters: Filters) -> bool:
    """Return whether so many values or patients match that the deliveries have to be looked through one by one."""
    words = words_of(filters.text or "")
    for chosen in [*filters.columns, *([words] if words else [])]:
        if not (await values_of(database, facility_id, filters.specs, chosen)).whole:
            return True
    return len(await _norms(database, facility_id, words)) > MAX_PATIENTS if words else False


async def is_narrow(database: Database, facility_id: int, filters: Filters) -> bool:
    """Return whether an index leads to the deliveries, so that few others are read on the way to the first hundred."""
    if filters.version is not None:
        return False
    if not filters.columns:
        return True
    sets = [await values_of(database, facility_id, filters.specs, column) for column in filters.columns]
    return any(_of_values(values, filters) or not values.ids for values in sets)


def _of_values(values: ValueSet, filters: Filters) -> list[Sequence[int]]:
    """Return the values that lead each part; empty if the deliveries are better read in another order.

    Many deliveries that have a value are read in its order only if nothing but days and other values is asked for.
    """
    if values.few:
        return [values.ids] if values.ids else []
    alone = not (filters.statuses or filters.exact() or filters.code or filters.text)
    return [[id_] for id_ in values.ids] if alone and values.whole and len(values.ids) <= MAX_VALUE_PARTS else []


async def _leads(database: Database, facility_id: int, filters: Filters) -> tuple[list[ListPart], list[list[Clause]]]:
    """Return the parts that an index other than that of types leads to, and what is asked of all other deliveries."""
    if filters.text is not None:
        return await _text_leads(database, facility_id, filters)
    if filters.reference is not None:
        return [ListPart([without_index(Delivery.spec, filters.specs), *_statuses(facility_id, filters)])], []
    return [], [[]]


async def _scans(
    database: Database, facility_id: int, filters: Filters, wide: Sequence[list[Clause]]
) -> list[ListPart]:
    """Return the parts that scan the deliveries of a type, or of a type and a status.

    What is being sent is read by its ids: a scan would pass over all that is not.
    """
    alone = not filters.exact() and filters.code is None
    if not (alone and filters.statuses):
        leading = [_statuses(facility_id, filters)]
    else:
        scanned = [status for status in filters.statuses if status != Status.SENDING]
        leading = [has_status(facility_id, status) for status in scanned]
    parts = [
        ListPart([Delivery.spec == spec, *lead, *conditions])
        for spec, lead in product(filters.specs, wide)
        for conditions in leading
    ]
    if alone and Status.SENDING in filters.statuses and wide:
        ids = await database.fetch(Query(held(facility_id), int))
        parts += [ListPart([Delivery.id.in_(ids), without_index(Delivery.spec, filters.specs), *lead]) for lead in wide]
    return parts


def _statuses(facility_id: int, filters: Filters) -> list[Clause]:
    if not filters.statuses:
        return []
    if CLAIMABLE.isdisjoint(filters.statuses) and Status.SENDING not in filters.statuses:
        return [without_index(Delivery.status, filters.statuses)]
    return [shown_status(facility_id).in_(filters.statuses)]


def _code(filters: Filters) -> list[Clause]:
    return [filters.code_condition()] if filters.code is not None else []


def _text(filters: Filters) -> list[Clause]:
    return [filters.text_condition()] if filters.text is not None else []


def without_index(column: InstrumentedAttribute[str], values: Sequence[str]) -> Clause:
    """Return a condition for which no planner uses an index of the column: another index is far better."""
    return column.concat("").in_(values)


async def _text_leads(
    database: Database, facility_id: int, filters: Filters
) -> tuple[list[ListPart], list[list[Clause]]]:
    """Return the parts of a search that name deliveries, patients or values, and what is asked of a scan of all."""
    typed = filters.text or ""
    words = words_of(typed)
    rest = [without_index(Delivery.spec, filters.specs), *_statuses(facility_id, filters)]
    ids = await _named(database, facility_id, filters, typed)
    narrow = [ListPart([Delivery.id.in_(ids), *rest])] if ids else []
    wide: list[Clause] = []
    if not words:
        return narrow, []
    norms = await _norms(database, facility_id, words)
    if len(norms) > MAX_PATIENTS:
        wide.append(patient_matches(words))
    elif norms:
        narrow.append(ListPart([Delivery.patient_norm.in_(sorted(set(norms))), *rest]))
    values = await values_of(database, facility_id, filters.specs, words)
    if leading := _of_values(values, replace(filters, text=None)):
        narrow += [ListPart(_statuses(facility_id, filters), part) for part in leading]  # values belong to a type
    elif values.ids:
        wide += has_words(typed)
    return narrow, [[or_(*wide)]] if wide else []


async def _norms(database: Database, facility_id: int, words: Sequence[str]) -> list[str]:
    """Return the norms of the patients that a search names, at most one more than MAX_PATIENTS."""
    return await database.fetch(Query(matching_norms(facility_id, words).limit(MAX_PATIENTS + 1), str))


async def _named(database: Database, facility_id: int, filters: Filters, typed: str) -> list[int]:
    """Return the ids of the deliveries whose key or reference is the text."""
    named: Select[int] = select(Delivery.id).where(Delivery.facility_id == facility_id).limit(MAX_EXACT)
    by_key = named.where(Delivery.spec.in_(filters.specs), Delivery.key == typed)
    by_reference = named.where(without_index(Delivery.spec, filters.specs), Delivery.reference == typed)
    return sorted({id_ for query in (by_key, by_reference) for id_ in await database.fetch(Query(query, int))})
