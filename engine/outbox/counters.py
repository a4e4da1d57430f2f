"""Counters for the dashboards: deliveries per day and status, and totals.

They are updated in the transaction that changes a status, so that no page has to count deliveries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from engine.database.database import Database
from engine.database.statements import Command, Statement
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
    daily = [[cell.facility_id, cell.date, cell.spec, cell.status, n] for cell, n in changes.items()]
    await tx.execute(_ADD_DAILY, {"rows": daily})
    overall = [[*key, n] for key, n in sorted(totals.items()) if n]
    await tx.execute(_ADD_OVERALL, {"rows": overall})


_ADD_DAILY = Command(
    """
INSERT INTO counters (facility_id, date, spec, status, n)
SELECT facility_id, date, spec, status, n FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, date, spec, status) DO UPDATE SET n = counters.n + excluded.n
""",
    rows="facility_id integer, date text, spec text, status text, n bigint",
)
_ADD_OVERALL = Command(
    """
INSERT INTO totals (facility_id, spec, status, n) SELECT facility_id, spec, status, n FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, spec, status) DO UPDATE SET n = totals.n + excluded.n
""",
    rows="facility_id integer, spec text, status text, n bigint",
)


async def read(
    database: Database, facility_id: int, since: str | None = None, until: str | None = None
) -> dict[str, dict[str, int]]:
    """Return counts by type and status for the days from `since` to `until` (both inclusive), or over all days.

    Deliveries are counted in the status in which a worker claims them; those that are being sent now are read from the
    leases, at the same moment.
    """
    query = _OVERALL if since is None and until is None else _OF_DAYS
    parameters = {"facility": facility_id, "since": since or "0000-00-00", "until": until or "9999-12-31"}
    counts: dict[str, dict[str, int]] = {}
    for spec, status, n in await database.fetch(query, parameters):
        by_status = counts.setdefault(spec, {})
        by_status[status] = by_status.get(status, 0) + int(n)
    return counts


class _Count(NamedTuple):
    spec: str
    status: str
    n: int


# What is being sent moves from the status in which it was claimed.
_COUNTS = """
WITH claimed AS (
  SELECT d.spec, d.status, COUNT(*) AS n FROM held_deliveries AS h JOIN deliveries AS d ON d.id = h.delivery_id
  WHERE h.facility_id = :facility AND d.date BETWEEN :since AND :until GROUP BY d.spec, d.status
)
{kept}
UNION ALL SELECT spec, status, -n AS n FROM claimed UNION ALL SELECT spec, 'sending' AS status, n FROM claimed
"""
_OVERALL = Statement(
    _COUNTS.format(kept="SELECT spec, status, n FROM totals WHERE facility_id = :facility"),
    _Count,
)
_OF_DAYS = Statement(
    _COUNTS.format(
        kept="SELECT spec, status, SUM(n) AS n FROM counters WHERE facility_id = :facility "
        "AND date BETWEEN :since AND :until GROUP BY spec, status"
    ),
    _Count,
)


async def read_days(
    database: Database, facility_id: int, specs: Sequence[str], since: str | None = None, until: str | None = None
) -> list[tuple[str, int]]:
    """Return the number of deliveries of each day from `since` to `until` (both inclusive), the newest day first."""
    parameters = {"facility": facility_id, "specs": list(specs)}
    parameters |= {"since": since or "0000-00-00", "until": until or "9999-12-31"}
    return [(row.date, int(row.n)) for row in await database.fetch(_DAYS, parameters)]


class _Day(NamedTuple):
    date: str
    n: int


_DAYS = Statement(
    "SELECT c.date, SUM(c.n) AS n FROM {specs} AS v JOIN counters AS c ON c.spec = v.spec "
    "WHERE c.facility_id = :facility AND c.date BETWEEN :since AND :until GROUP BY c.date ORDER BY c.date DESC",
    _Day,
    specs="spec text",
)


async def recount(database: Database) -> dict[Cell, int]:
    """Count the deliveries themselves and return what the counters should be; slow, for tests and repairs."""
    return {Cell(*row[:-1]): row.n for row in await database.fetch(_RECOUNT)}


async def kept(database: Database) -> dict[Cell, int]:
    """Return the stored daily counters that are not zero."""
    return {Cell(*row[:-1]): row.n for row in await database.fetch(_KEPT)}


class _Counted(NamedTuple):
    facility_id: int
    date: str
    spec: str
    status: str
    n: int


_RECOUNT = Statement(
    "SELECT facility_id, date, spec, status, COUNT(*) AS n FROM deliveries GROUP BY 1, 2, 3, 4", _Counted
)
_KEPT = Statement("SELECT facility_id, date, spec, status, n FROM counters WHERE n <> 0", _Counted)
