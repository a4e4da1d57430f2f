"""Exports mappings as a table, and previews the import of such a table row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import orjson

from engine.code_lists.copies import ROWS_OF_KEYS, CopyRow
from engine.database.database import Database
from engine.database.statements import Statement
from engine.mapping.confirm import Choice
from engine.specs.mapping import MappingSpec

# Columns of the table: a person fills in `code`; `code_before` is the code at the time of the export.
KEY, NAME, CODE, CODE_NAME, BEFORE = COLUMNS = ("key", "name", "code", "code_name", "code_before")


class RowState(StrEnum):
    """Effect that importing a row would have."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    CONFLICT = "conflict"  # somebody gave the item another code since the export
    INVALID = "invalid"


class RowFault(StrEnum):
    """Reason for which a row is invalid."""

    NO_ITEM = "no_item"
    NO_CODE = "no_code"
    WITHDRAWN = "withdrawn"
    NOT_ALLOWED = "not_allowed"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row of an imported table; `number` counts from 1 without the heading."""

    number: int
    key: str
    name: str
    code: str
    code_name: str
    before: str | None  # the item's present code
    state: RowState
    fault: RowFault | None = None
    choice: Choice | None = None  # confirmation to carry out; None if the row is invalid


async def export(database: Database, mapping: MappingSpec, facility_id: int) -> list[list[str]]:
    """Return all items in use as rows of COLUMNS; items without a code come first."""
    rows = await database.fetch(_EXPORT, mapping.names(facility_id))
    return [[row.key, row.name, row.code or "", _name_of(mapping, row.content), row.code or ""] for row in rows]


async def preview(
    database: Database, mapping: MappingSpec, facility_id: int, table: Sequence[Mapping[str, str]]
) -> list[ImportRow]:
    """Return the effect of each row that has a code; rows without one are left out."""
    rows = [
        (number, {name: str(cells.get(name) or "").strip() for name in COLUMNS})
        for number, cells in enumerate(table, 1)
        if str(cells.get(CODE) or "").strip()
    ]
    names = mapping.names(facility_id)
    keys, codes_chosen = (sorted({row[column] for _, row in rows}) for column in (KEY, CODE))
    items = {item.key: item for item in await database.fetch(_ITEMS, {**names, "keys": keys})}
    codes = {code.key: code for code in await database.fetch(ROWS_OF_KEYS, {**names, "keys": codes_chosen})}
    chosen: dict[str, set[str]] = {}
    for _, row in rows:
        chosen.setdefault(row[KEY], set()).add(row[CODE])
    return [
        _row(mapping, number, row, items.get(row[KEY]), codes.get(row[CODE]), len(chosen[row[KEY]]) > 1)
        for number, row in rows
    ]


def _row(
    mapping: MappingSpec,
    number: int,
    row: Mapping[str, str],
    item: _NamedItem | None,
    code: CopyRow | None,
    twice: bool,
) -> ImportRow:
    fault = _fault(mapping, item, code, twice)
    name = row[NAME] if item is None else item.name
    code_name = row[CODE_NAME] if code is None else _name_of(mapping, code.content)
    if item is None or fault is not None:
        return ImportRow(number, row[KEY], name, row[CODE], code_name, None, RowState.INVALID, fault)
    choice = Choice(item.id, row[CODE], item.code)
    state = _state(item, row)
    return ImportRow(number, row[KEY], name, row[CODE], code_name, item.code, state, choice=choice)


def _fault(mapping: MappingSpec, item: _NamedItem | None, code: CopyRow | None, twice: bool) -> RowFault | None:
    if item is None:
        return RowFault.NO_ITEM
    if code is None:
        return RowFault.NO_CODE
    if code.gone_at is not None:
        return RowFault.WITHDRAWN
    if not mapping.may_choose(code.content):
        return RowFault.NOT_ALLOWED
    return RowFault.TWICE if twice else None


def _state(item: _NamedItem, row: Mapping[str, str]) -> RowState:
    if item.state == "mapped" and item.code == row[CODE]:
        return RowState.SAME
    if row[BEFORE] and row[BEFORE] != (item.code or ""):
        return RowState.CONFLICT
    return RowState.NEW if item.code is None else RowState.CHANGED


def _name_of(mapping: MappingSpec, content: str | None) -> str:
    return "" if content is None else str(orjson.loads(content).get(mapping.catalogue.name) or "")


class _MappedItem(NamedTuple):
    """An item with its code and the code's row as JSON."""

    key: str
    name: str
    code: str | None
    content: str | None


_EXPORT = Statement(
    """
SELECT i.key, i.name, i.code, c.content FROM items AS i
LEFT JOIN code_rows AS c ON c.facility_id = :owner AND c.list = :list AND c.key = i.code
WHERE i.facility_id = :facility AND i.item = :item AND i.active
ORDER BY CASE WHEN i.code IS NULL THEN 0 ELSE 1 END, i.name, i.key
""",
    _MappedItem,
)


class _NamedItem(NamedTuple):
    """An item that a row of the table names."""

    id: int
    key: str
    name: str
    state: str
    code: str | None


_ITEMS = Statement(
    """
SELECT i.id, i.key, i.name, i.state, i.code FROM {keys} AS v CROSS JOIN items AS i
WHERE i.key = v.key AND i.facility_id = :facility AND i.item = :item
""",
    _NamedItem,
    keys="key text",
)
