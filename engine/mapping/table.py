"""Mappings as a table: out, and back in with a preview of what each line would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.mapping.confirm import Choice
from engine.specs.mapping import MappingSpec

# Of the table; `code` is what a person fills in, `code_before` what it was when the table was made.
KEY, NAME, CODE, CODE_NAME, BEFORE = COLUMNS = ("key", "name", "code", "code_name", "code_before")


class RowState(StrEnum):
    """What a line would do."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    CONFLICT = "conflict"  # somebody gave the item another code since the table was made
    INVALID = "invalid"


class RowFault(StrEnum):
    """Why a line is invalid."""

    NO_ITEM = "no_item"
    NO_CODE = "no_code"
    WITHDRAWN = "withdrawn"
    NOT_ALLOWED = "not_allowed"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One line of a table that comes in; `number` counts from 1 without the heading."""

    number: int
    key: str
    name: str
    code: str
    code_name: str
    before: str | None  # the item's present code
    state: RowState
    fault: RowFault | None = None
    choice: Choice | None = None  # what confirms it; of new, changed and conflicting lines


async def export(database: Database, mapping: MappingSpec, facility_id: int) -> list[list[str]]:
    """All items in use, as rows of COLUMNS; those without a code first."""
    names = mapping.names(facility_id)
    rows = await database.fetch(text(_EXPORT), names)
    return [[row.key, row.name, row.code or "", _name_of(mapping, row.content), row.code or ""] for row in rows]


async def preview(
    database: Database, mapping: MappingSpec, facility_id: int, table: Sequence[Mapping[str, str]]
) -> list[ImportRow]:
    """What each line with a code would do; lines without one are left out."""
    wanted = [
        (number, {name: str(line.get(name) or "").strip() for name in COLUMNS})
        for number, line in enumerate(table, 1)
        if str(line.get(CODE) or "").strip()
    ]
    names = mapping.names(facility_id)
    items = {row.key: row for row in await _found(database, _ITEMS, names, [line[KEY] for _, line in wanted])}
    codes = {row.key: row for row in await _found(database, _CODES, names, [line[CODE] for _, line in wanted])}
    chosen: dict[str, set[str]] = {}
    for _, line in wanted:
        chosen.setdefault(line[KEY], set()).add(line[CODE])
    return [
        _line(mapping, number, line, items.get(line[KEY]), codes.get(line[CODE]), len(chosen[line[KEY]]) > 1)
        for number, line in wanted
    ]


def _line(mapping: MappingSpec, number: int, line: Mapping[str, str], item: Any, code: Any, twice: bool) -> ImportRow:
    fault = _fault(mapping, item, code, twice)
    name = line[NAME] if item is None else item.name
    code_name = line[CODE_NAME] if code is None else _name_of(mapping, code.content)
    if fault is not None:
        return ImportRow(number, line[KEY], name, line[CODE], code_name, None, RowState.INVALID, fault)
    choice = Choice(item.id, line[CODE], item.code)
    state = _state(item, line)
    return ImportRow(number, line[KEY], name, line[CODE], code_name, item.code, state, choice=choice)


def _fault(mapping: MappingSpec, item: Any, code: Any, twice: bool) -> RowFault | None:
    if item is None:
        return RowFault.NO_ITEM
    if code is None:
        return RowFault.NO_CODE
    if code.gone_at is not None:
        return RowFault.WITHDRAWN
    if not mapping.may_choose(code.content):
        return RowFault.NOT_ALLOWED
    return RowFault.TWICE if twice else None


def _state(item: Any, line: Mapping[str, str]) -> RowState:
    if item.state == "mapped" and item.code == line[CODE]:
        return RowState.SAME
    if line[BEFORE] and line[BEFORE] != (item.code or ""):
        return RowState.CONFLICT
    return RowState.NEW if item.code is None else RowState.CHANGED


async def _found(database: Database, query: str, names: Mapping[str, Any], keys: Sequence[str]) -> Sequence[Any]:
    wanted = database.rows({"k": "text"}, "keys")
    return await database.fetch(text(query % wanted), {**names, "keys": as_json([[key] for key in sorted(set(keys))])})


def _name_of(mapping: MappingSpec, content: str | None) -> str:
    return "" if content is None else str(orjson.loads(content).get(mapping.catalogue.name) or "")


_EXPORT = """
SELECT i.key, i.name, i.code, c.content FROM items AS i
LEFT JOIN code_rows AS c ON c.facility_id = :owner AND c.list = :list AND c.key = i.code
WHERE i.facility_id = :facility AND i.item = :item AND i.active
ORDER BY CASE WHEN i.code IS NULL THEN 0 ELSE 1 END, i.name, i.key
"""

_ITEMS = """
SELECT i.id, i.key, i.name, i.state, i.code FROM %s AS v CROSS JOIN items AS i
WHERE i.key = v.k AND i.facility_id = :facility AND i.item = :item
"""

_CODES = """
SELECT c.key, c.content, c.gone_at FROM %s AS v CROSS JOIN code_rows AS c
WHERE c.key = v.k AND c.facility_id = :owner AND c.list = :list
"""
