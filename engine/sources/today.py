"""Rows of today by read and outcome, from the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from engine.database.database import Database
from engine.database.statements import Statement
from engine.sources.states import StateCount
from engine.specs.his_source import HisSource


async def of_today(
    database: Database, facility_id: int, sources: Iterable[HisSource], today: date
) -> dict[tuple[str, str], dict[str, int]]:
    """Return (source, read) -> outcome -> rows of today; of a read without days all of its rows."""
    reads = [
        [source.name, read.name, today.isoformat() if read.by == "window" else ""]
        for source in sources
        for read in source.reads.values()
    ]
    counts: dict[tuple[str, str], dict[str, int]] = {}
    if reads:
        for row in await database.fetch(_OF_TODAY, {"facility": facility_id, "reads": reads}):
            counts.setdefault((row.source, row.read), {})[row.state] = row.n
    return counts


_OF_TODAY = Statement(
    """
SELECT r.source, r.read, r.state, COUNT(*) AS n FROM {reads} AS v
JOIN source_rows AS r ON r.facility_id = :facility AND r.source = v.source AND r.read = v.read AND r.last_day = v.day
GROUP BY r.source, r.read, r.state
""",
    StateCount,
    reads="source text, read text, day text",
)
