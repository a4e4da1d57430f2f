"""Origin of a delivery's record: the row of a clinic's database from which it was made, or the API key."""

from __future__ import annotations

from typing import NamedTuple

from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Statement


class RowOrigin(NamedTuple):
    """A row that was read: its source, its read and its key, and the last day on which it was read (empty: no days)."""

    source: str
    read: str
    key: str
    last_day: str
    state: str


async def origin_of(database: Database, catalog: Catalog, facility_id: int, spec: str, key: str) -> RowOrigin | None:
    """Return the row of a record; None if no source has handed it in, or its row has left the ledger."""
    reads = [
        [source.name, read.name]
        for source in catalog.sources.values()
        for read in source.reads.values()
        if read.into == spec
    ]
    if not reads:
        return None
    return await database.first(_ORIGIN, {"facility": facility_id, "key": key, "reads": reads})


async def api_key_of(database: Database, delivery_id: int) -> str | None:
    """Return the name of the API key by which a record was handed in as it is; empty: the key was deleted.

    None if it was handed in in another way, or before keys were noted.
    """
    return await database.first(_API_KEY, {"id": delivery_id})


# SQLite gives the id of a deleted key to the next one: a key that is younger than the record is another one.
_API_KEY = Statement(
    """
SELECT COALESCE(k.name, '') AS name FROM deliveries AS d
LEFT JOIN api_keys AS k ON k.id = d.api_key_id AND k.facility_id = d.facility_id AND k.created_at <= d.changed_at
WHERE d.id = :id AND d.api_key_id IS NOT NULL
""",
    str,
)

_ORIGIN = Statement(
    """
SELECT r.source, r.read, r.key, r.last_day, r.state FROM source_rows AS r
WHERE r.facility_id = :facility AND r.record_key = :key
  AND EXISTS (SELECT 1 FROM {reads} AS v WHERE v.source = r.source AND v.read = r.read)
ORDER BY r.last_day DESC LIMIT 1
""",
    RowOrigin,
    reads="source text, read text",
)
