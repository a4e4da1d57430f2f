"""Items as the pages show them: counts, lists, one item with its history, and the items and codes of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.specs.mapping import MappingSpec

UNMAPPED, REVIEW, MAPPED = "unmapped", "review", "mapped"


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of items in use by state, and of deliveries that wait for a code (`waiting`)."""

    unmapped: int
    review: int
    mapped: int
    waiting: int

    @property
    def total(self) -> int:
        return self.unmapped + self.review + self.mapped

    @property
    def percent(self) -> int:
        """Share of mapped items, rounded down so that 100 means all."""
        return 100 * self.mapped // self.total if self.total else 100


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Items of a state; those with the most waiting deliveries come first.

    A row has id, key, name, record (JSON text), code, content (JSON text of the code's row or None), gone_at,
    reason, mapped_by, mapped_at, waiting.
    """

    rows: Sequence[Any]
    next: tuple[int, int] | None  # (waiting, id) after which the next page begins; None on the last page


class KeyedItem(NamedTuple):
    """An item that was submitted, by its key."""

    key: str
    id: int
    name: str
    state: str


class AwaitedItem(NamedTuple):
    """An item that a delivery waits for; `id`, `name` and `state` are None if it was not submitted yet."""

    delivery_id: int
    spec: str  # type of the item
    key: str
    id: int | None
    name: str | None
    state: str | None


class SentCode(NamedTuple):
    """A code that a delivery was last sent with; `id`, `name`, `state` and `now` are None if there is no such item."""

    item: str  # type of the item
    key: str
    code: str
    id: int | None
    name: str | None
    state: str | None
    now: str | None  # present code of the item; None if it has none


async def counts(database: Database, mapping: MappingSpec, facility_id: int) -> Counts:
    """Count the items of a clinic. The cost grows with their number, a few thousand at most."""
    names = mapping.names(facility_id)
    by_state = {row.state: row.n for row in await database.fetch(text(_COUNTS), names)}
    [(waiting,)] = await database.fetch(text(_WAITING), names)
    return Counts(by_state.get(UNMAPPED, 0), by_state.get(REVIEW, 0), by_state.get(MAPPED, 0), waiting)


async def page(
    database: Database,
    mapping: MappingSpec,
    facility_id: int,
    state: str,
    words: str = "",
    after: tuple[int, int] | None = None,
    size: int = 50,
) -> ItemPage:
    """Return items in use of a state; each word must occur in the item or equal its code."""
    terms = words.casefold().split()
    conditions = "".join(
        f" AND (i.words LIKE :word{n} ESCAPE '\\' OR lower(i.code) = :raw{n})" for n in range(len(terms))
    )
    parameters: dict[str, Any] = {f"word{n}": f"%{_escaped(word)}%" for n, word in enumerate(terms)}
    parameters |= {f"raw{n}": word for n, word in enumerate(terms)}
    further = "WHERE waiting < :waiting OR (waiting = :waiting AND id > :id)" if after else ""
    names = mapping.names(facility_id) | {"state": state, "size": size + 1}
    names |= {"waiting": after[0], "id": after[1]} if after else {}
    rows = await database.fetch(text(_PAGE % (conditions, further)), parameters | names)
    last = rows[size - 1] if len(rows) > size else None
    return ItemPage(rows[:size], (last.waiting, last.id) if last is not None else None)


async def one(database: Database, mapping: MappingSpec, facility_id: int, item_id: int) -> Any | None:
    """Return a row as in ItemPage, with state and active; None if there is no such item."""
    rows = await database.fetch(text(_ONE), mapping.names(facility_id) | {"id": item_id})
    return rows[0] if rows else None


async def following(database: Database, mapping: MappingSpec, facility_id: int, state: str, past: int) -> int | None:
    """Return the id of the first item of a state other than `past`, to continue with; None if there is none."""
    first = await page(database, mapping, facility_id, state, size=2)
    return next((row.id for row in first.rows if row.id != past), None)


async def history(database: Database, item_id: int) -> Sequence[Any]:
    """Return the changes of an item, newest first: at, actor, action, code, before."""
    query = "SELECT at, actor, action, code, before FROM item_changes WHERE item_id = :id ORDER BY id DESC LIMIT 100"
    return await database.fetch(text(query), {"id": item_id})


async def outdated(database: Database, mapping: MappingSpec, facility_id: int, item_id: int) -> list[int]:
    """Return the ids of deliveries that were sent with another code than the item has now."""
    names = {"facility": facility_id, "item": mapping.item, "id": item_id}
    return [row.delivery_id for row in await database.fetch(text(_OUTDATED), names)]


async def by_keys(
    database: Database, mapping: MappingSpec, facility_id: int, keys: Sequence[str]
) -> dict[str, KeyedItem]:
    """Return key -> the item; keys that were not submitted yet are left out."""
    query = text(_BY_KEYS % database.rows({"key": "text"}, "keys"))
    parameters = {"facility": facility_id, "item": mapping.item, "keys": as_json([[key] for key in keys])}
    return {row.key: KeyedItem(*row) for row in await database.fetch(query, parameters)}


async def awaited_by(database: Database, delivery_ids: Sequence[int]) -> list[AwaitedItem]:
    """Return what the deliveries wait for; a record that is no item comes as an item that was not submitted."""
    query = text(_AWAITED_BY % database.rows({"id": "bigint"}, "ids"))
    rows = await database.fetch(query, {"ids": as_json([[id_] for id_ in delivery_ids])})
    return [AwaitedItem(*row) for row in rows]


async def codes_sent_with(database: Database, delivery_id: int) -> list[SentCode]:
    """Return the codes that a delivery was last sent with."""
    return [SentCode(*row) for row in await database.fetch(text(_CODES_SENT_WITH), {"id": delivery_id})]


def content_of(row: Any) -> dict[str, Any]:
    """Return the columns of the code's row; empty if the item has no code."""
    content: dict[str, Any] = orjson.loads(row.content) if row.content else {}
    return content


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_COUNTS = """
SELECT state, COUNT(*) AS n FROM items WHERE facility_id = :facility AND item = :item AND active GROUP BY state
"""

_WAITING = "SELECT COUNT(DISTINCT delivery_id) FROM waits WHERE facility_id = :facility AND spec = :item"

_ROWS = """
SELECT i.id, i.key, i.name, i.record, i.state, i.active, i.code, i.reason, i.mapped_by, i.mapped_at,
  c.content, c.gone_at,
  (SELECT COUNT(*) FROM waits AS w WHERE w.facility_id = i.facility_id AND w.spec = i.item AND w.key = i.key)
    AS waiting
FROM items AS i
LEFT JOIN code_rows AS c ON c.facility_id = :owner AND c.list = :list AND c.key = i.code
WHERE i.facility_id = :facility AND i.item = :item
"""

_ONE = f"{_ROWS} AND i.id = :id"

_PAGE = f"""
SELECT * FROM ({_ROWS} AND i.active AND i.state = :state%s) AS listed %s
ORDER BY waiting DESC, id LIMIT :size
"""

_OUTDATED = """
SELECT u.delivery_id FROM code_uses AS u
JOIN items AS i ON i.facility_id = u.facility_id AND i.item = u.item AND i.key = u.key
WHERE i.facility_id = :facility AND i.item = :item AND i.id = :id AND i.code IS NOT NULL AND u.code <> i.code
ORDER BY u.delivery_id
"""

_BY_KEYS = """
SELECT i.key, i.id, i.name, i.state FROM %s AS v
JOIN items AS i ON i.facility_id = :facility AND i.item = :item AND i.key = v.key
"""

_AWAITED_BY = """
SELECT w.delivery_id, w.spec, w.key, i.id, i.name, i.state FROM %s AS v
JOIN waits AS w ON w.delivery_id = v.id
LEFT JOIN items AS i ON i.facility_id = w.facility_id AND i.item = w.spec AND i.key = w.key
ORDER BY w.delivery_id, w.key
"""

_CODES_SENT_WITH = """
SELECT u.item, u.key, u.code, i.id, i.name, i.state, i.code AS now FROM code_uses AS u
LEFT JOIN items AS i ON i.facility_id = u.facility_id AND i.item = u.item AND i.key = u.key
WHERE u.delivery_id = :id ORDER BY u.item, u.key
"""
