"""Confirmed codes of items, as deliveries need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Reference

Mappings = Mapping[str, MappingSpec]  # by the type of their items


async def codes_of(
    database: Database, mapping: MappingSpec, items: Sequence[tuple[int, str, str]]
) -> dict[tuple[int, str, str], Reference]:
    """Return the confirmed code and its code-list row for each (facility, type, key) that has one."""
    columns = {"facility_id": "integer", "item": "text", "key": "text"}
    code_list = mapping.catalogue.list
    parameters = {"rows": as_json(items), "item": mapping.item, "list": code_list.name, "shared": code_list.shared}
    rows = await database.fetch(text(_CODES % database.rows(columns, "rows")), parameters)
    return {(row.facility_id, mapping.item, row.key): Reference(row.code, orjson.loads(row.content)) for row in rows}


# CROSS JOIN makes SQLite keep this join order; otherwise it would read a whole code list.
_CODES = """
SELECT i.facility_id, i.key, i.code, c.content FROM %s AS v CROSS JOIN items AS i CROSS JOIN code_rows AS c
WHERE i.facility_id = v.facility_id AND i.item = :item AND i.key = v.key AND i.state = 'mapped'
  AND c.facility_id = CASE WHEN :shared THEN 0 ELSE i.facility_id END AND c.list = :list AND c.key = i.code
"""
