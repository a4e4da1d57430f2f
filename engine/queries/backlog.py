"""Backlog by type: how many deliveries wait, and since when the oldest does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import literal_column, select, union_all

from engine.database.database import Database
from engine.database.statements import Query
from engine.database.tables import Delivery
from engine.delivery.status import Status
from engine.outbox import counters

WAITING = (Status.QUEUED, Status.RETRYING, Status.BLOCKED, Status.UNSURE)


@dataclass(frozen=True, slots=True)
class Backlog:
    """Waiting deliveries of a type; `since` is when the content of the oldest was received (epoch ms)."""

    spec: str
    n: int
    blocked: int  # those of them that wait for another record
    since: int


async def backlog(database: Database, facility_id: int) -> list[Backlog]:
    """Return the backlog by type, longest waiting first; the oldest is found by the day of the record.

    Costs one index look-up per type and status.
    """
    counts = await counters.read(database, facility_id)
    waiting = [(spec, status) for spec in counts for status in WAITING if counts[spec].get(status)]
    if not waiting:
        return []
    since: dict[str, int] = {}
    for spec, changed_at in await database.fetch(_oldest(facility_id, waiting)):
        since[spec] = min(changed_at, since.get(spec, changed_at))
    backlogs = [
        Backlog(spec, _waiting(counts[spec]), counts[spec].get(Status.BLOCKED, 0), at) for spec, at in since.items()
    ]
    return sorted(backlogs, key=lambda backlog: backlog.since)


def _waiting(counts: dict[str, int]) -> int:
    return sum(counts.get(status, 0) for status in WAITING)


class _Oldest(NamedTuple):
    """Time at which the content of the oldest delivery of a type in one status was received."""

    spec: str
    changed_at: int


def _oldest(facility_id: int, waiting: Sequence[tuple[str, Status]]) -> Query[_Oldest]:
    # Each status is a literal in a query of its own: joined with rows of types and statuses, PostgreSQL without
    # statistics takes an index that lacks the status, and reads all deliveries of the type.
    parts = [
        select(Delivery.spec, Delivery.changed_at)
        .where(
            Delivery.facility_id == facility_id,
            Delivery.spec == spec,
            Delivery.status == literal_column(f"'{status.value}'"),
        )
        .order_by(Delivery.date, Delivery.id)
        .limit(literal_column("1"))
        .subquery()
        for spec, status in waiting
    ]
    return Query(union_all(*(select(part) for part in parts)), _Oldest)
