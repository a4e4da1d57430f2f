"""Confirmed codes of items, as deliveries need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from engine.database.database import Database
from engine.database.statements import Statement
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Reference

Mappings = Mapping[str, MappingSpec]  # by the type of their items


async def codes_of(
    database: Database, mapping: MappingSpec, items: Sequence[tuple[int, str, str]]
) -> dict[tuple[int, str, str], Reference]:
    """Return the confirmed code and its code-list row for each (facility, type, key) that has one."""
    code_list = mapping.catalogue.list
    parameters = {"rows": items, "item": mapping.item, "list": code_list.name, "shared": code_list.shared}
    rows = await database.fetch(_CODES, parameters)
    return {(row.facility_id, mapping.item, row.key): Reference(row.code, orjson.loads(row.content)) for row in rows}


class _ConfirmedCode(NamedTuple):
    """The code of an item, and its row of the code list as JSON."""

    facility_id: int
    key: str
    code: str
    content: str


# CROSS JOIN makes SQLite keep this join order; otherwise it would read a whole code list.
_CODES = Statement(
    """
SELECT i.facility_id, i.key, i.code, c.content FROM {rows} AS v CROSS JOIN items AS i CROSS JOIN code_rows AS c
WHERE i.facility_id = v.facility_id AND i.item = :item AND i.key = v.key AND i.state = 'mapped'
  AND c.facility_id = CASE WHEN :shared THEN 0 ELSE i.facility_id END AND c.list = :list AND c.key = i.code
""",
    _ConfirmedCode,
    rows="facility_id integer, item text, key text",
)
