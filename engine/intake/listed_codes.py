"""Neighbours of an unknown code in its list, and whether the list is complete enough to refuse the code."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from engine.catalog.catalog import Catalog
from engine.code_lists import copies
from engine.database.database import Database
from engine.database.statements import Statement
from engine.specs.code_list import CodeList

HOUR_MS = 3_600_000
MAX_PARENTS = 20  # of one request whose codes are read; codes of further ones are refused without naming others
MAX_OTHERS = 60  # codes of one parent that are read to name the nearest
NAMED_BEFORE, NAMED_AFTER = 3, 3


class ListedCode(NamedTuple):
    """A code, and the list that it should be in."""

    list: str
    key: str


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Codes that a list has in place of an unknown one.

    `has_others`: it has other codes of the same parent. `trusted`: it was read completely not too long ago, so that a
    code which it does not have may be refused. `words` name the parent and the nearest codes, in English.
    """

    has_others: bool
    trusted: bool
    words: str


class _Parent(NamedTuple):
    """The parent of codes of a list; its key is the beginning of theirs, and empty if all belong together."""

    owner: int
    list: str
    key: str


class _Named(NamedTuple):
    """A code with its name."""

    key: str
    name: str

    @property
    def words(self) -> str:
        return f"{self.key} ({self.name})" if self.name else self.key


async def neighbourhoods(
    database: Database, catalog: Catalog, facility_id: int, places: Collection[ListedCode]
) -> Mapping[ListedCode, Neighbourhood]:
    """Return the neighbourhood of each of these codes, which their lists do not have. Raises TemplateError."""
    parents = {place: _parent_of(catalog.code_lists[place.list], place.key, facility_id) for place in sorted(places)}
    rows = [list(parent) for parent in sorted(set(parents.values()))]
    states = {
        _Parent(row.owner, row.list, row.parent): row for row in await database.fetch(_FIRST_OF_PARENT, {"rows": rows})
    }
    known = {parent for parent, row in states.items() if row.first is not None and row.first.startswith(parent.key)}
    described: dict[_Parent, tuple[str, list[_Named]]] = {}
    found = {}
    for place, parent in parents.items():
        trusted = _is_trusted(catalog.code_lists[place.list], states[parent].read_at, database.clock())
        if trusted and parent in known and parent not in described and len(described) < MAX_PARENTS:
            described[parent] = await _describe(database, catalog, parent)
        words = _words(place.key, *described[parent]) if parent in described else ""
        found[place] = Neighbourhood(parent in known, trusted, words)
    return found


def _parent_of(code_list: CodeList, key: str, facility_id: int) -> _Parent:
    parent = "" if code_list.parent is None else str(code_list.parent.render({"key": key}) or "")
    return _Parent(code_list.owner(facility_id), code_list.name, parent)


def _is_trusted(code_list: CodeList, read_at: int | None, now: int) -> bool:
    return read_at is not None and now - read_at <= code_list.trusted_hours * HOUR_MS


async def _describe(database: Database, catalog: Catalog, parent: _Parent) -> tuple[str, list[_Named]]:
    """Return the words of the parent (empty without one) and its codes; none if they are too many to choose from."""
    code_list = catalog.code_lists[parent.list]
    names = {"owner": parent.owner, "list": parent.list, "parent": parent.key, "limit": MAX_OTHERS + 1}
    rows = [_named(code_list, row) for row in await database.fetch(_CHILDREN, names) if row.key.startswith(parent.key)]
    others = rows if len(rows) <= MAX_OTHERS else []
    if code_list.read_for is None or not parent.key:
        return "", others
    source = catalog.code_lists[code_list.read_for]
    row = await copies.one_row(database, parent.owner, source.name, parent.key)
    return (parent.key if row is None else _named(source, row).words), others


def _named(code_list: CodeList, row: Any) -> _Named:
    """Return the key of a row and the first of its columns that is a text beside it."""
    content = orjson.loads(row.content)
    values = (content.get(column.name) for column in code_list.visible)
    return _Named(row.key, next((value for value in values if isinstance(value, str) and value != row.key), ""))


def _words(key: str, parent: str, others: list[_Named]) -> str:
    if not others:
        return f"; it would belong to {parent}" if parent else ""
    place = bisect([one.key for one in others], key)
    near = others[max(0, place - NAMED_BEFORE) : place + NAMED_AFTER]
    left = len(others) - len(near)
    more = f" and {left} more" if left else ""
    return f"; {parent or 'it'} has {', '.join(one.words for one in near)}{more}"


class _FirstOfParent(NamedTuple):
    """The first present code at or behind a parent's, and when the list was last read completely."""

    owner: int
    list: str
    parent: str
    first: str | None
    read_at: int | None


_FIRST_OF_PARENT = Statement(
    """
SELECT v.owner, v.list, v.parent, (
  SELECT MIN(c.key) FROM code_rows AS c
  WHERE c.facility_id = v.owner AND c.list = v.list AND c.key >= v.parent AND c.gone_at IS NULL
) AS first, (
  SELECT MAX(s.ended_at) FROM synchronisations AS s
  WHERE s.facility_id = v.owner AND s.list = v.list AND s.state = 'done'
) AS read_at
FROM {rows} AS v
""",
    _FirstOfParent,
    rows="owner integer, list text, parent text",
)


class _Child(NamedTuple):
    key: str
    content: str


_CHILDREN = Statement(
    """
SELECT key, content FROM code_rows
WHERE facility_id = :owner AND list = :list AND key >= :parent AND gone_at IS NULL ORDER BY key LIMIT :limit
""",
    _Child,
)
