"""What a payload needs of other deliveries: their references, or the names of those that are missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.mapping.confirmed_codes import Mappings, codes_of
from engine.specs.needs import Target
from engine.specs.record_type import Known


async def look_up(database: Database, targets: Iterable[Target], mappings: Mappings) -> dict[Target, Known]:
    """What is known, of all targets of a batch in one query; one more for each mapping that is among them."""
    unique = set(targets)
    known: dict[Target, Known] = {}
    for item in {spec for _, spec, _ in unique if spec in mappings}:
        known |= await codes_of(database, mappings[item], sorted(each for each in unique if each[1] == item))
    return known | await _references(database, sorted(each for each in unique if each[1] not in mappings))


async def _references(database: Database, unique: Sequence[Target]) -> dict[Target, Known]:
    if not unique:
        return {}
    columns = {"facility_id": "integer", "spec": "text", "key": "text"}
    # Without `reference IS NOT NULL`: the partial index on it would do then, and where the statistics are older than
    # what was sent PostgreSQL takes it, with the facility alone, and reads all that the clinic ever sent.
    query = (
        f"SELECT d.facility_id, d.spec, d.key, d.reference FROM {database.rows(columns, 'rows')} AS v "
        "JOIN deliveries AS d ON d.facility_id = v.facility_id AND d.spec = v.spec AND d.key = v.key"
    )
    rows = await database.fetch(text(query), {"rows": as_json(unique)})
    return {(row.facility_id, row.spec, row.key): Known(row.reference) for row in rows if row.reference is not None}
