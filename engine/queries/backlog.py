"""Backlog by type: how many deliveries wait, and since when the oldest does."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from engine.database.database import Database
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
    named = {f"spec{i}": spec for i, (spec, _) in enumerate(waiting)}
    query = " UNION ALL ".join(_OLDEST.format(i=i, status=status.value) for i, (_, status) in enumerate(waiting))
    rows = await database.fetch(text(query), {"facility": facility_id, **named})
    since: dict[str, int] = {}
    for spec, changed_at in rows:
        since[spec] = min(changed_at, since.get(spec, changed_at))
    backlogs = [
        Backlog(spec, _waiting(counts[spec]), counts[spec].get(Status.BLOCKED, 0), at) for spec, at in since.items()
    ]
    return sorted(backlogs, key=lambda backlog: backlog.since)


def _waiting(counts: dict[str, int]) -> int:
    return sum(counts.get(status, 0) for status in WAITING)


_OLDEST = """
SELECT * FROM (SELECT spec, changed_at FROM deliveries
WHERE facility_id = :facility AND spec = :spec{i} AND status = '{status}' ORDER BY date, id LIMIT 1) AS oldest{i}
"""
