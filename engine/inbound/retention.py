"""Removes callers' requests after their retention time; requests that the clinic's system lacks are kept longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Command, Statement

BATCH_ROWS = 500
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Removal:
    """A query that has a row if a removal is due, the command that removes a batch, and the parameters of both."""

    due: Statement[int]
    change: Command
    names: dict[str, Any]


class InboundRetention:
    """Removes old requests of all inbound services; `most` caps the days for which entries keep bodies."""

    def __init__(self, database: Database, catalog: Callable[[], Catalog], most: int | None = None) -> None:
        self._database = database
        self._catalog = catalog
        self._most = most

    async def step(self, now: int) -> int:
        """Remove at most one batch of each kind; return the number of rows, 0 if none is due."""
        return sum([await self._remove(removal) for removal in self._removals(now)])

    def _removals(self, now: int) -> Iterator[Removal]:
        rows = 0
        for inbound in self._catalog().inbound.values():
            bodies = min(inbound.retention.bodies, self._most or inbound.retention.bodies)
            rows = max(rows, bodies, inbound.retention.attempts)
            names = {"inbound": inbound.name, "batch": BATCH_ROWS}
            yield Removal(_IS_WHOLE, _STRIP, {**names, "border": now - bodies * DAY_MS, "now": now})
            yield Removal(_IS_OLD, _DELETE, {**names, "border": now - max(bodies, inbound.retention.attempts) * DAY_MS})
        if rows:
            day = datetime.fromtimestamp((now - rows * DAY_MS) / 1000, UTC).date().isoformat()
            yield Removal(_HAS_NUMBERS, _DELETE_NUMBERS, {"border": day, "batch": BATCH_ROWS})
            yield Removal(_HAS_DAYS, _DELETE_DAYS, {"border": day, "batch": BATCH_ROWS})

    async def _remove(self, removal: Removal) -> int:
        """Remove a batch; nothing is written if none is due."""
        if await self._database.first(removal.due, removal.names) is None:
            return 0
        return await self._database.execute(removal.change, removal.names)


_WHOLE = """
SELECT id FROM inbound_requests
WHERE inbound = :inbound AND at < :border AND pruned_at IS NULL AND taken_at IS NOT NULL ORDER BY at LIMIT :batch
"""
_OLD = "SELECT id FROM inbound_requests WHERE inbound = :inbound AND at < :border ORDER BY at LIMIT :batch"
# A past day gives no more numbers, so its row can be deleted with its numbers.
_NUMBERS = """
SELECT n.facility_id, n.date, n.poli, n.number
FROM facilities AS f JOIN inbound_numbers AS n ON n.facility_id = f.id AND n.date < :border LIMIT :batch
"""
_DAYS = """
SELECT d.facility_id, d.date, d.poli
FROM facilities AS f JOIN inbound_days AS d ON d.facility_id = f.id AND d.date < :border LIMIT :batch
"""
_IS_WHOLE = Statement(f"SELECT 1 FROM ({_WHOLE}) AS due LIMIT 1", int)
_IS_OLD = Statement(f"SELECT 1 FROM ({_OLD}) AS due LIMIT 1", int)
_HAS_NUMBERS = Statement(f"SELECT 1 FROM ({_NUMBERS}) AS due LIMIT 1", int)
_HAS_DAYS = Statement(f"SELECT 1 FROM ({_DAYS}) AS due LIMIT 1", int)
_STRIP = Command(
    f"UPDATE inbound_requests SET content = '{{}}', answer = '{{}}', pruned_at = :now WHERE id IN ({_WHOLE})"
)
_DELETE = Command(f"DELETE FROM inbound_requests WHERE id IN ({_OLD})")
_DELETE_NUMBERS = Command(f"DELETE FROM inbound_numbers WHERE (facility_id, date, poli, number) IN ({_NUMBERS})")
_DELETE_DAYS = Command(f"DELETE FROM inbound_days WHERE (facility_id, date, poli) IN ({_DAYS})")
