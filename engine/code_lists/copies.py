"""Copies of code lists in the database: queries that read them, and rows that are added one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, not_, select

from engine.database.database import Database
from engine.database.statements import Command, Query, Statement
from engine.database.tables import CodeRow
from engine.specs.code_list import CodeListRow


class CopyRow(NamedTuple):
    """A row of a copy; `content` is its columns as JSON, `gone_at` is when it was withdrawn."""

    key: str
    content: str
    changed_at: int
    gone_at: int | None


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows of a copy by key, and the key after which the next page begins; None on the last page."""

    rows: Sequence[CopyRow]
    next: str | None


async def rows_of(database: Database, facility_id: int, list_: str) -> list[dict[str, Any]]:
    """Return the present rows of a copy, each as a mapping of its columns."""
    return list(map(orjson.loads, await database.fetch(_CONTENTS, {"facility": facility_id, "list": list_})))


async def search(
    database: Database,
    facility_id: int,
    list_: str,
    words: str = "",
    after: str = "",
    size: int = 50,
    order: Sequence[str] = (),
) -> RowPage:
    """Return rows in which every word occurs, by key; withdrawn rows are included, with `gone_at`.

    `order`: beginnings of keys whose rows come first, in this order; the page begins behind the key `after`.
    """
    columns = (CodeRow.key, CodeRow.content, CodeRow.changed_at, CodeRow.gone_at)
    query = select(*columns).where(CodeRow.facility_id == facility_id, CodeRow.list == list_).order_by(CodeRow.key)
    for word in words.casefold().split():
        query = query.where(CodeRow.words.contains(word, autoescape=True))
    rows: list[CopyRow] = []
    for group in _groups(order, after):
        if len(rows) <= size:
            rows += await database.fetch(Query(query.where(*group).limit(size + 1 - len(rows)), CopyRow))
    return RowPage(rows[:size], rows[size - 1].key if len(rows) > size else None)


def _groups(order: Sequence[str], after: str) -> list[list[ColumnElement[bool]]]:
    """Return the conditions of the groups of rows in their order, from the group of the key `after` on."""
    begin = [CodeRow.key.startswith(prefix, autoescape=True) for prefix in order]
    # The lower bound lets the database begin at the index entry of the first such key.
    groups: list[list[ColumnElement[bool]]] = [
        [CodeRow.key >= prefix, condition] for prefix, condition in zip(order, begin, strict=True)
    ]
    groups.append([not_(condition) for condition in begin])
    if not after:
        return groups
    place = next((place for place, prefix in enumerate(order) if after.startswith(prefix)), len(order))
    return [[*groups[place], CodeRow.key > after], *groups[place + 1 :]]


async def one_row(database: Database, owner: int, list_: str, key: str) -> CopyRow | None:
    """Return a row of the copy by its key; None if there is none."""
    return await database.first(_ONE_ROW, {"owner": owner, "list": list_, "key": key})


async def count(database: Database, owner: int, list_: str) -> int:
    """Return the number of present rows of a copy."""
    [n] = await database.fetch(_COUNT, {"owner": owner, "list": list_})
    return n


async def add_row(database: Database, owner: int, list_: str, row: CodeListRow) -> None:
    """Store a single row in the copy."""
    now = database.clock()
    values = {"owner": owner, "list": list_, "key": row.key, "content": orjson.dumps(row.content).decode()}
    values |= {"words": words_of(row), "now": now, "gone": now if row.withdrawn else None}
    await database.execute(_ADD_ROW, values)


def words_of(row: CodeListRow) -> str:
    """Return all values of a row in lower case, for the search."""
    return " ".join(str(value) for value in row.content.values() if value is not None).casefold()


_COUNT = Statement(
    "SELECT COUNT(*) FROM code_rows WHERE facility_id = :owner AND list = :list AND gone_at IS NULL", int
)
_CONTENTS = Statement(
    "SELECT content FROM code_rows WHERE facility_id = :facility AND list = :list AND gone_at IS NULL ORDER BY key", str
)


_ONE_ROW = Statement(
    """
SELECT key, content, changed_at, gone_at FROM code_rows
WHERE facility_id = :owner AND list = :list AND key = :key
""",
    CopyRow,
)

# CROSS JOIN makes SQLite keep this join order.
ROWS_OF_KEYS = Statement(
    """
SELECT c.key, c.content, c.changed_at, c.gone_at FROM {keys} AS v CROSS JOIN code_rows AS c
WHERE c.key = v.key AND c.facility_id = :owner AND c.list = :list
""",
    CopyRow,
    keys="key text",
)

_ADD_ROW = Command(
    """
INSERT INTO code_rows (facility_id, list, key, content, words, since, changed_at, gone_at)
VALUES (:owner, :list, :key, :content, :words, :now, :now, CAST(:gone AS BIGINT))
ON CONFLICT (facility_id, list, key) DO UPDATE SET content = excluded.content, words = excluded.words,
  changed_at = excluded.changed_at, gone_at = excluded.gone_at
"""
)
