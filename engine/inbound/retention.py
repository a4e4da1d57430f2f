"""Removes callers' requests after their retention time; requests that the clinic's system lacks are kept longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from engine.catalog.catalog import Catalog
from engine.database.database import Database

BATCH_ROWS = 500
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Removal:
    """A query that selects rows, the statement that changes or deletes them, and the parameters of both."""

    chosen: str
    change: str
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
            yield Removal(_WHOLE, _STRIP, {**names, "border": now - bodies * DAY_MS, "now": now})
            yield Removal(_OLD, _DELETE, {**names, "border": now - max(bodies, inbound.retention.attempts) * DAY_MS})
        if rows:
            day = datetime.fromtimestamp((now - rows * DAY_MS) / 1000, UTC).date().isoformat()
            yield Removal(_NUMBERS, _DELETE_NUMBERS, {"border": day, "batch": BATCH_ROWS})
            yield Removal(_DAYS, _DELETE_DAYS, {"border": day, "batch": BATCH_ROWS})

    async def _remove(self, removal: Removal) -> int:
        """Change or delete the selected rows; nothing is written if none is due."""
        names = {name: value for name, value in removal.names.items() if f":{name}" in removal.chosen}
        if not await self._database.fetch(text(removal.chosen), names):
            return 0
        change = text(removal.change.format(removal.chosen))
        return await self._database.write(lambda tx: tx.execute(change, removal.names))


_WHOLE = """
SELECT id FROM inbound_requests
WHERE inbound = :inbound AND at < :border AND pruned_at IS NULL AND taken_at IS NOT NULL ORDER BY at LIMIT :batch
"""
_STRIP = "UPDATE inbound_requests SET content = '{{}}', answer = '{{}}', pruned_at = :now WHERE id IN ({})"
_OLD = "SELECT id FROM inbound_requests WHERE inbound = :inbound AND at < :border ORDER BY at LIMIT :batch"
_DELETE = "DELETE FROM inbound_requests WHERE id IN ({})"
# A past day gives no more numbers, so its row can be deleted with its numbers.
_NUMBERS = """
SELECT n.facility_id, n.date, n.poli, n.number
FROM facilities AS f JOIN inbound_numbers AS n ON n.facility_id = f.id AND n.date < :border LIMIT :batch
"""
_DELETE_NUMBERS = "DELETE FROM inbound_numbers WHERE (facility_id, date, poli, number) IN ({})"
_DAYS = """
SELECT d.facility_id, d.date, d.poli
FROM facilities AS f JOIN inbound_days AS d ON d.facility_id = f.id AND d.date < :border LIMIT :batch
"""
_DELETE_DAYS = "DELETE FROM inbound_days WHERE (facility_id, date, poli) IN ({})"
