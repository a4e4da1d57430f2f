"""Numbers of a day that a clinic's system says it has, to be compared with what came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction


async def store(database: Database, facility_id: int, date: str, counts: Mapping[str, int]) -> None:
    """Store the numbers of a day by type; those of other types stay as they are."""
    await database.write(_store, facility_id, date, counts)


async def read(database: Database, facility_id: int, date: str) -> dict[str, int]:
    """Return the numbers of a day by type."""
    rows = await database.fetch(_READ, {"facility": facility_id, "date": date})
    return {row.spec: int(row.n) for row in rows}


async def _store(tx: Transaction, facility_id: int, date: str, counts: Mapping[str, int]) -> None:
    rows = [(facility_id, date, spec, n, tx.now) for spec, n in sorted(counts.items())]
    await tx.execute(_STORE, {"rows": rows})


class _Expected(NamedTuple):
    spec: str
    n: int


_STORE = Command(
    """
INSERT INTO expected_counts (facility_id, date, spec, n, at)
SELECT facility_id, date, spec, n, at FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, date, spec) DO UPDATE SET n = excluded.n, at = excluded.at
""",
    rows="facility_id integer, date text, spec text, n bigint, at bigint",
)
_READ = Statement("SELECT spec, n FROM expected_counts WHERE facility_id = :facility AND date = :date", _Expected)
