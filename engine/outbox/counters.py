"""Counters for the dashboards: deliveries per day and status, and totals.

They are updated in the transaction that changes a status, so that no page has to count deliveries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct
from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.database.transaction import Transaction


class Cell(Struct, frozen=True, order=True):
    """The key of a counter: facility, day, type and status of the deliveries."""

    facility_id: int
    date: str
    spec: str
    status: str


class Deltas(Counter[Cell]):
    """Changes of counters, collected in memory during one transaction."""

    def move_all(self, moves: Iterable[tuple[int, str, str, str | None, str]]) -> None:
        """Add the moves of a batch, most of which are alike."""
        for (facility_id, date, spec, before, after), n in Counter(moves).items():
            self.move(facility_id, date, spec, before, after, n)

    def move(self, facility_id: int, date: str, spec: str, before: str | None, after: str, n: int = 1) -> None:
        """Add a move of `n` deliveries from status `before` (None: they are new) to `after`."""
        if before is not None:
            self[Cell(facility_id, date, spec, before)] -= n
        self[Cell(facility_id, date, spec, after)] += n


async def apply(tx: Transaction, deltas: Deltas) -> None:
    """Add the changes to the counters."""
    # In sorted order, so that two transactions never deadlock.
    changes = {cell: n for cell, n in sorted(deltas.items()) if n}
    if not changes:
        return
    totals: Counter[tuple[int, str, str]] = Counter()
    for cell, n in changes.items():
        totals[cell.facility_id, cell.spec, cell.status] += n
    columns = {"facility_id": "integer", "date": "text", "spec": "text", "status": "text", "n": "bigint"}
    daily = [[cell.facility_id, cell.date, cell.spec, cell.status, n] for cell, n in changes.items()]
    await tx.execute(text(_upsert(tx, "counters", columns)), {"rows": as_json(daily)})
    del columns["date"]
    overall = [[*key, n] for key, n in sorted(totals.items()) if n]
    await tx.execute(text(_upsert(tx, "totals", columns)), {"rows": as_json(overall)})


def _upsert(tx: Transaction, table: str, columns: Mapping[str, str]) -> str:
    key = ", ".join(name for name in columns if name != "n")
    return (
        f"INSERT INTO {table} ({key}, n) SELECT {key}, n FROM {tx.subquery(columns, 'rows')} AS v WHERE true "
        f"ON CONFLICT ({key}) DO UPDATE SET n = {table}.n + excluded.n"
    )


async def read(
    database: Database, facility_id: int, since: str | None = None, until: str | None = None
) -> dict[str, dict[str, int]]:
    """Return counts by type and status for the days from `since` to `until` (both inclusive), or over all days."""
    if since is None and until is None:
        query = "SELECT spec, status, n FROM totals WHERE facility_id = :facility"
    else:
        query = (
            "SELECT spec, status, SUM(n) AS n FROM counters WHERE facility_id = :facility "
            "AND date BETWEEN :since AND :until GROUP BY spec, status"
        )
    parameters = {"facility": facility_id, "since": since or "0000-00-00", "until": until or "9999-12-31"}
    counts: dict[str, dict[str, int]] = {}
    for spec, status, n in await database.fetch(text(query), parameters):
        counts.setdefault(spec, {})[status] = int(n)
    return counts


async def recount(database: Database) -> dict[Cell, int]:
    """Count the deliveries themselves and return what the counters should be; slow, for tests and repairs."""
    query = "SELECT facility_id, date, spec, status, COUNT(*) FROM deliveries GROUP BY 1, 2, 3, 4"
    return {Cell(f, d, s, st): n for f, d, s, st, n in await database.fetch(text(query))}


async def kept(database: Database) -> dict[Cell, int]:
    """Return the stored daily counters that are not zero."""
    query = "SELECT facility_id, date, spec, status, n FROM counters WHERE n <> 0"
    return {Cell(f, d, s, st): n for f, d, s, st, n in await database.fetch(text(query))}
