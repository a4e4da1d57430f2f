"""Exports mappings as a table, and previews the import of such a table row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import orjson

from adapters.messages import message
from engine.code_lists.copies import ROWS_OF_KEYS, CopyRow
from engine.database.database import Database
from engine.database.statements import Statement
from engine.mapping.confirm import Choice
from engine.specs.his_source import HisSource
from engine.specs.mapping import MappingSpec

# Columns of the table: a person fills in `code`; `code_before` is the code at the time of the export.
KEY, NAME, CODE, CODE_NAME, BEFORE = COLUMNS = ("key", "name", "code", "code_name", "code_before")
# Columns of codes that a clinic has mapped in its own system: the source, and the code that it has there.
SOURCE, SOURCE_CODE = "source", "source_code"
TAKEN_OVER = (KEY, CODE, SOURCE, SOURCE_CODE)
MAX_LABEL_CHARACTERS = 40  # of a source, in the history of an item

Sources = Mapping[str, HisSource]


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
    source: str = ""  # from which the code was taken over as it is


async def export(database: Database, mapping: MappingSpec, facility_id: int) -> list[list[str]]:
    """Return all items in use as rows of COLUMNS; items without a code come first."""
    rows = await database.fetch(_EXPORT, mapping.names(facility_id))
    return [[row.key, row.name, row.code or "", _name_of(mapping, row.content), row.code or ""] for row in rows]


def taken_over(source: str, codes: Iterable[tuple[str, str]]) -> list[Sequence[str]]:
    """Return the table of codes that a source has: rows of TAKEN_OVER, with their heading."""
    return [TAKEN_OVER, *((key, code, source, code) for key, code in codes)]


def origin(mapping: MappingSpec, sources: Sources, name: str) -> str | None:
    """Return what an item's history says of a code from a source; None if the source has no codes of the mapping."""
    source = sources.get(name)
    if source is None or mapping.name not in source.codes:
        return None
    return message("actor.source_codes", source=str(source.label)[:MAX_LABEL_CHARACTERS])


async def preview(
    database: Database,
    mapping: MappingSpec,
    facility_id: int,
    table: Sequence[Mapping[str, str]],
    sources: Sources | None = None,
) -> list[ImportRow]:
    """Return the effect of each row that has a code; rows without one are left out.

    `sources` are those whose codes are noted as theirs, as long as nobody has changed them in the table.
    """
    rows = [
        (number, {name: str(cells.get(name) or "").strip() for name in (*COLUMNS, SOURCE, SOURCE_CODE)})
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
    read = [
        _row(mapping, number, row, items.get(row[KEY]), codes.get(row[CODE]), len(chosen[row[KEY]]) > 1)
        for number, row in rows
    ]
    return [_with_origin(one, mapping, sources or {}, row) for one, (_, row) in zip(read, rows, strict=True)]


def _with_origin(read: ImportRow, mapping: MappingSpec, sources: Sources, row: Mapping[str, str]) -> ImportRow:
    by = origin(mapping, sources, row[SOURCE]) if row[SOURCE_CODE] == row[CODE] else None
    if by is None or read.choice is None:
        return read
    return replace(read, choice=replace(read.choice, origin=by), source=row[SOURCE])


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
