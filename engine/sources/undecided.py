"""Rows that have disappeared at the clinic while their records stand: they wait for a person to decide."""

from __future__ import annotations

from typing import NamedTuple

from adapters.messages import message
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.sources.gone import SET_ASIDE


class UndecidedRow(NamedTuple):
    """A row that has disappeared, and the delivery of its record (None: it is no delivery); `spec` is its entry."""

    source: str
    read: str
    spec: str
    key: str
    last_day: str
    problem: str
    at: int
    delivery_id: int | None
    norm: str | None
    name: str | None


async def undecided(
    database: Database, catalog: Catalog, facility_id: int, after: tuple[str, str, str], size: int
) -> list[UndecidedRow]:
    """Return the rows in the order of source, read and key, after (source, read, key)."""
    reads = [
        [source.name, read.name, read.into] for source in catalog.sources.values() for read in source.reads.values()
    ]
    if not reads:
        return []
    names = {"after_source": after[0], "after_read": after[1], "after_key": after[2], "size": size}
    return await database.fetch(_UNDECIDED, {**names, **_of(facility_id), "reads": reads})


async def count_undecided(database: Database, catalog: Catalog, facility_id: int) -> int:
    """Return how many rows wait for a decision."""
    reads = [
        [source.name, read.name, read.into] for source in catalog.sources.values() for read in source.reads.values()
    ]
    if not reads:
        return 0
    return await database.first(_COUNT, {**_of(facility_id), "reads": reads}) or 0


async def let_stand(database: Database, facility_id: int, source: str, read: str, key: str, actor: str) -> bool:
    """Let the record of a row stand as it was sent; return whether the row had waited for that."""
    names = {"facility": facility_id, "source": source, "read": read, "key": key, **_LEFT_TEXTS}
    names |= {"problem": message("source.left", actor=actor), "now": database.clock()}
    return bool(await database.execute(_LET_STAND, names))


_LEFT_TEXTS = {"set_aside": SET_ASIDE, "left": '{"say":"source.left"%'}  # texts of rows that have been decided


def _of(facility_id: int) -> dict[str, object]:
    return {"facility": facility_id, **_LEFT_TEXTS}


# The second condition is that of the partial index, which SQLite would not infer.
_WAITS = """state = 'gone' AND state <> 'taken' AND problem IS NOT NULL AND problem <> :set_aside
  AND problem NOT LIKE :left"""
_ROWS = f"""
FROM {{reads}} AS v
JOIN (SELECT source, read, key, record_key, last_day, problem, changed_at FROM source_rows
  WHERE facility_id = :facility AND {_WAITS}) AS r ON r.source = v.source AND r.read = v.read
LEFT JOIN deliveries AS d ON d.facility_id = :facility AND d.spec = v.spec AND d.key = r.record_key
WHERE d.withdrawn_at IS NULL
"""
_READS = "source text, read text, spec text"
_UNDECIDED = Statement(
    f"""
SELECT r.source, r.read, v.spec, r.key, r.last_day, r.problem, r.changed_at AS at, d.id AS delivery_id,
  d.patient_norm AS norm, d.patient_name AS name
{_ROWS} AND (r.source > :after_source OR r.source = :after_source AND (r.read > :after_read OR r.read = :after_read
  AND r.key > :after_key))
ORDER BY r.source, r.read, r.key LIMIT CAST(:size AS INTEGER)
""",
    UndecidedRow,
    reads=_READS,
)
_COUNT = Statement(f"SELECT COUNT(*) {_ROWS}", int, reads=_READS)
_LET_STAND = Command(
    f"""
UPDATE source_rows SET problem = :problem, changed_at = :now
WHERE facility_id = :facility AND source = :source AND read = :read AND key = :key AND {_WAITS}
"""
)
