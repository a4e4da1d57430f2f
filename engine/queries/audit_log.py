"""Reading of the audit log, newest first: filters, pages by keyset, and what each entry is about.

A page reads at most MAX_SCANNED entries, however rare the matches are; the reader is offered to search on from there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, or_, select, tuple_

from engine.database.database import Database
from engine.database.statements import Query
from engine.database.tables import AuditEntry, Delivery, Facility, Item
from engine.queries import paging
from engine.queries.deliveries import Filters

MAX_SCANNED = 20_000  # entries that one page reads
MAX_DELIVERIES = 200  # deliveries of a patient, or with a number, whose entries a text finds

_PLACE = re.compile(r"(\d{1,15})\.(\d{1,15})", re.ASCII)
_COLUMNS: Any = AuditEntry.__table__.c


@dataclass(frozen=True, slots=True)
class AuditCursor:
    """A position in the log: time (epoch milliseconds) and id."""

    at: int
    id: int

    def __str__(self) -> str:
        return f"{self.at}.{self.id}"

    @classmethod
    def read(cls, written: str) -> AuditCursor | None:
        """Parse a position's text; None if the text is none."""
        match = _PLACE.fullmatch(written)
        return cls(int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class AuditText:
    """A text to search for: in reasons and names of people, or the actions and deliveries that it stands for."""

    words: str
    actions: tuple[str, ...] = ()
    deliveries: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditFilters:
    """Conditions; None matches everything. `since` and `until` are epoch milliseconds, `until` is excluded."""

    facility_id: int | None = None
    actor: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None
    text: AuditText | None = None


class LoggedAction(NamedTuple):
    """An entry, with the delivery or the mapped item that it is about."""

    id: int
    at: int
    actor: str
    action: str
    facility_id: int | None
    facility: str | None
    reason: str
    delivery_id: int | None
    spec: str | None
    norm: str | None
    patient: str | None
    item_id: int | None
    item: str | None  # type of the item
    item_name: str | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries; `after` is where the next page begins, None at the end of the log.

    `complete` is False if MAX_SCANNED entries were read before the page was full.
    """

    rows: list[LoggedAction]
    after: AuditCursor | None
    complete: bool = True


class _EntryPosition(NamedTuple):
    id: int
    at: int


async def page(database: Database, filters: AuditFilters, size: int, after: AuditCursor | None = None) -> AuditPage:
    """Return the entries after a position, from the newest on without one."""
    scanned = _scanned(filters, after)
    part = scanned.limit(MAX_SCANNED).subquery()
    conditions = _others(filters, part.c)
    if conditions:
        narrowed = select(part.c.id, part.c.at).where(*conditions)
        positions = await database.fetch(Query(_newest(narrowed, part.c).limit(size + 1), _EntryPosition))
    else:
        positions = await database.fetch(Query(scanned.limit(size + 1).with_only_columns(*_ID), _EntryPosition))
    rows = await by_ids(database, [position.id for position in positions[:size]])
    if len(positions) > size:
        return AuditPage(rows, AuditCursor(positions[size - 1].at, positions[size - 1].id))
    last = scanned.with_only_columns(*_ID).offset(MAX_SCANNED - 1).limit(1)
    end = await database.first(Query(last, _EntryPosition)) if conditions else None
    return AuditPage(rows, AuditCursor(end.at, end.id) if end else None, complete=end is None)


async def by_ids(database: Database, ids: Sequence[int]) -> list[LoggedAction]:
    """Return entries by their ids, newest first."""
    query = (
        select(
            *(_COLUMNS[name] for name in ("id", "at", "actor", "action", "facility_id")),
            Facility.name.label("facility"),
            *(_COLUMNS[name] for name in ("reason", "delivery_id")),
            *(Delivery.spec, Delivery.patient_norm, Delivery.patient_name),
            *(AuditEntry.item_id, Item.item, Item.name.label("item_name")),
        )
        .select_from(AuditEntry)
        .outerjoin(Facility, Facility.id == AuditEntry.facility_id)
        .outerjoin(Delivery, Delivery.id == AuditEntry.delivery_id)
        .outerjoin(Item, Item.id == AuditEntry.item_id)
        .where(AuditEntry.id.in_(ids))
    )
    return await database.fetch(Query(_newest(query, _COLUMNS), LoggedAction)) if ids else []


async def deliveries_named(database: Database, facilities: Sequence[int], text: str) -> tuple[int, ...]:
    """Return ids of the newest deliveries that a text names: by key, reference, or patient."""
    ids: list[int] = []
    for facility_id in facilities:
        matching = await paging.page(database, facility_id, Filters(text=text), MAX_DELIVERIES)
        ids += [row.id for row in matching.rows]
    return tuple(ids[:MAX_DELIVERIES])


_ID = (AuditEntry.id, AuditEntry.at)


def _scanned(filters: AuditFilters, after: AuditCursor | None) -> Select[Any]:
    """Select the entries that the narrowest index leads to, newest first, from a position on."""
    query = select(
        *(_COLUMNS[name] for name in ("id", "at", "actor", "action", "facility_id", "delivery_id", "reason"))
    )
    lead = _lead(filters)
    if lead is not None:
        query = query.where(_COLUMNS[lead] == getattr(filters, lead))
    if filters.since is not None:
        query = query.where(AuditEntry.at >= filters.since)
    if filters.until is not None:
        query = query.where(AuditEntry.at < filters.until)
    if after is not None:
        query = query.where(AuditEntry.at <= after.at, tuple_(AuditEntry.at, AuditEntry.id) < (after.at, after.id))
    return _newest(query, _COLUMNS)


def _newest(query: Select[Any], columns: Any) -> Select[Any]:
    return query.order_by(columns.at.desc(), columns.id.desc())


def _lead(filters: AuditFilters) -> str | None:
    """Return the column with an index that the log is read by; None: by time alone."""
    names = ("actor", "action", "facility_id")
    return next((name for name in names if getattr(filters, name) is not None), None)


def _others(filters: AuditFilters, columns: Any) -> list[ColumnElement[bool]]:
    """Return the conditions that no index answers: each entry is looked at."""
    lead = _lead(filters)
    names = [name for name in ("action", "facility_id") if name != lead and getattr(filters, name) is not None]
    conditions: list[ColumnElement[bool]] = [columns[name] == getattr(filters, name) for name in names]
    if filters.text is not None:
        places = [column.icontains(filters.text.words, autoescape=True) for column in (columns.reason, columns.actor)]
        places += [columns.action.in_(filters.text.actions)] if filters.text.actions else []
        places += [columns.delivery_id.in_(filters.text.deliveries)] if filters.text.deliveries else []
        conditions.append(or_(*places))
    return conditions
