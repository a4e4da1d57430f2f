"""Versions of a type's entry: the one with which each delivery was created or updated last, as its attempts tell."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select

from engine.database.database import Database
from engine.database.statements import Query
from engine.database.tables import Attempt, Delivery

MAX_LOOKED_THROUGH = 1_000  # of the newest deliveries, in which versions are looked for


class EntryVersion(NamedTuple):
    """A version of an entry, how many of the newest deliveries it sent last, and when the last of them was tried."""

    hash: str
    n: int
    at: int


def last_version() -> ColumnElement[Any]:
    """Return the version of the last create or update of a delivery as SQL; null if none is stored any more.

    No index has it: each delivery that is looked at costs a look into the index of its attempts.
    """
    return _last(Attempt.spec_hash)


async def entry_versions(database: Database, facility_id: int, spec: str) -> list[EntryVersion]:
    """Return the versions among the newest deliveries of a type, the one that was used last first."""
    newest = (
        select(Delivery.id)
        .where(Delivery.facility_id == facility_id, Delivery.spec == spec)
        .order_by(Delivery.date.desc(), Delivery.id.desc())
        .limit(MAX_LOOKED_THROUGH)
        .subquery()
    )
    of_each = select(_last(Attempt.spec_hash).label("hash"), _last(Attempt.at).label("at"))
    tried = of_each.select_from(Delivery).join(newest, newest.c.id == Delivery.id).subquery()
    used = func.max(tried.c.at)
    query = select(tried.c.hash, func.count(), used).where(tried.c.hash.is_not(None)).group_by(tried.c.hash)
    return await database.fetch(Query(query.order_by(used.desc()), EntryVersion))


def _last(column: Any) -> ColumnElement[Any]:
    tried = select(column).where(Attempt.delivery_id == Delivery.id, Attempt.operation.in_(("create", "update")))
    return tried.order_by(Attempt.id.desc()).limit(1).correlate(Delivery).scalar_subquery()
