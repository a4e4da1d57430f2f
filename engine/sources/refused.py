"""Rows and records that were not taken, grouped by their cause: of sources, and of the HTTP interface."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Statement
from engine.json_text import short_hash
from engine.specs.his_source import HisSource, SourceRead

MAX_GROUPS = 200  # that are told apart; those with most rows come first


class RefusedGroup(NamedTuple):
    """Rows that were not taken for the same cause; `source` and `read` are empty for the HTTP interface.

    `spec` is the entry, or the type of a mapping's items; of a read that is no longer declared it is empty.
    """

    source: str
    read: str
    spec: str
    state: str  # refused or skipped
    problem: str
    n: int
    first_at: int
    last_at: int

    @property
    def id(self) -> str:
        """Return the name of the group in addresses; it stays the same while the cause lasts."""
        return short_hash([self.source, self.read, self.spec, self.state, self.problem])


class NotTakenRow(NamedTuple):
    """A row or record that was not taken; `key` is that of the row, `at` the time (epoch ms) of the problem."""

    key: str
    at: int
    n: int


class RefusedCount(NamedTuple):
    """Number of refused rows of a read, or of refused records of a type."""

    source: str
    read: str
    spec: str
    n: int


async def groups(database: Database, catalog: Catalog, facility_id: int) -> list[RefusedGroup]:
    """Return what was not taken of a clinic by cause, the largest first, refused before skipped."""
    rows = await database.fetch(_GROUPS, {"facility": facility_id, "most": MAX_GROUPS})
    return [row._replace(spec=row.spec or _into(catalog, row.source, row.read)) for row in rows]


async def of_group(
    database: Database, facility_id: int, group: RefusedGroup, after: str, size: int
) -> list[NotTakenRow]:
    """Return the rows of a group in the order of their keys, after a key."""
    names: Mapping[str, object] = {
        "facility": facility_id,
        "source": group.source,
        "read": group.read,
        "spec": group.spec,
        "state": group.state,
        "problem": group.problem,
        "after": after,
        "size": size,
    }
    return await database.fetch(_ROWS if group.source else _RECORDS, names)


async def refused_by_type(database: Database, catalog: Catalog, facility_id: int) -> dict[str, int]:
    """Return how many rows and records are refused, by entry or type of items."""
    counts: dict[str, int] = {}
    for row in await database.fetch(_COUNTS, {"facility": facility_id}):
        spec = row.spec or _into(catalog, row.source, row.read)
        counts[spec] = counts.get(spec, 0) + row.n
    return counts


def tables_of(source: HisSource, read: SourceRead) -> list[str]:
    """Return the tables of the grants that a read's queries name."""
    words = set(re.findall(r"\w+", " ".join([read.query, *(one.query for one in read.further.values())])))
    return [table for table in source.grants if table in words]


def _into(catalog: Catalog, source: str, read: str) -> str:
    declared = catalog.sources.get(source)
    return declared.reads[read].into if declared is not None and read in declared.reads else ""


# The second condition is that of the partial index, which SQLite would not infer.
_NOT_TAKEN = "facility_id = :facility AND state IN ('refused', 'skipped') AND state <> 'taken'"
_GROUPS = Statement(
    f"""
SELECT source, read, spec, state, problem, COUNT(*) AS n, MIN(first_at) AS first_at, MAX(at) AS last_at FROM (
  SELECT source, read, '' AS spec, state, COALESCE(problem, '') AS problem, changed_at AS first_at, changed_at AS at
  FROM source_rows WHERE {_NOT_TAKEN}
  UNION ALL
  SELECT '' AS source, '' AS read, spec, 'refused' AS state, problem, first_at, at FROM refused_records
  WHERE facility_id = :facility
) AS r GROUP BY source, read, spec, state, problem
ORDER BY state, COUNT(*) DESC, source, read, spec, problem LIMIT CAST(:most AS INTEGER)
""",
    RefusedGroup,
)
_ROWS = Statement(
    f"""
SELECT key, changed_at AS at, 1 AS n FROM source_rows
WHERE {_NOT_TAKEN} AND source = :source AND read = :read AND state = :state AND COALESCE(problem, '') = :problem
  AND key > :after
ORDER BY key LIMIT CAST(:size AS INTEGER)
""",
    NotTakenRow,
)
_RECORDS = Statement(
    """
SELECT key, at, n FROM refused_records
WHERE facility_id = :facility AND spec = :spec AND problem = :problem AND (key > :after OR :after = '')
ORDER BY key LIMIT CAST(:size AS INTEGER)
""",
    NotTakenRow,
)
_COUNTS = Statement(
    """
SELECT source, read, '' AS spec, COUNT(*) AS n FROM source_rows
WHERE facility_id = :facility AND state = 'refused' AND state <> 'taken' GROUP BY source, read
UNION ALL
SELECT '' AS source, '' AS read, spec, COUNT(*) AS n FROM refused_records WHERE facility_id = :facility GROUP BY spec
""",
    RefusedCount,
)
