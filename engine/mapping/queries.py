"""Items as the pages show them: counts, lists, one item with its history, and the items and codes of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Select, and_, func, or_, select

from engine.database.database import Database
from engine.database.statements import Query, Statement
from engine.database.tables import CodeRow, Item, Wait
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


class ListedItem(NamedTuple):
    """An item with the row of its code."""

    id: int
    key: str
    name: str
    record: str  # as JSON
    state: str
    active: bool
    code: str | None
    reason: str | None
    mapped_by: str | None
    mapped_at: int | None
    content: str | None  # the code's row as JSON, None if the item has no code
    gone_at: int | None
    waiting: int  # deliveries that wait for the item's code
    parts_hash: str  # hash of the parts that are compared with a code


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Items of a state; those with the most waiting deliveries come first."""

    rows: Sequence[ListedItem]
    next: tuple[int, int] | None  # (waiting, id) after which the next page begins; None on the last page


class Change(NamedTuple):
    """A change in the history of an item; `before` is the code that it had before."""

    at: int
    actor: str
    action: str
    code: str | None
    before: str | None


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
    by_state = {row.state: row.n for row in await database.fetch(_COUNTS, names)}
    [waiting] = await database.fetch(_WAITING, names)
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
    query = _items(mapping, facility_id).where(Item.active, Item.state == state)
    for word in words.casefold().split():
        query = query.where(or_(Item.words.contains(word, autoescape=True), func.lower(Item.code) == word))
    listed = query.subquery("listed")
    waiting, id_ = listed.c.waiting, listed.c.id
    chosen = select(listed).order_by(waiting.desc(), id_).limit(size + 1)
    if after is not None:
        chosen = chosen.where(or_(waiting < after[0], and_(waiting == after[0], id_ > after[1])))
    rows = await database.fetch(Query(chosen, ListedItem))
    last = rows[size - 1] if len(rows) > size else None
    return ItemPage(rows[:size], (last.waiting, last.id) if last is not None else None)


async def one(database: Database, mapping: MappingSpec, facility_id: int, item_id: int) -> ListedItem | None:
    """Return an item, in use or not; None if there is no such item."""
    return await database.first(Query(_items(mapping, facility_id).where(Item.id == item_id), ListedItem))


async def several(
    database: Database, mapping: MappingSpec, facility_id: int, item_ids: Sequence[int]
) -> dict[int, ListedItem]:
    """Return id -> the item, in use or not; ids of no item are left out."""
    query = _items(mapping, facility_id).where(Item.id.in_(item_ids))
    return {row.id: row for row in await database.fetch(Query(query, ListedItem))}


async def following(database: Database, mapping: MappingSpec, facility_id: int, state: str, past: int) -> int | None:
    """Return the id of the first item of a state other than `past`, to continue with; None if there is none."""
    first = await page(database, mapping, facility_id, state, size=2)
    return next((row.id for row in first.rows if row.id != past), None)


async def history(database: Database, item_id: int) -> list[Change]:
    """Return the changes of an item, newest first."""
    return await database.fetch(_HISTORY, {"id": item_id})


async def outdated(database: Database, mapping: MappingSpec, facility_id: int, item_id: int) -> list[int]:
    """Return the ids of deliveries that were sent with another code than the item has now."""
    names = {"facility": facility_id, "item": mapping.item, "id": item_id}
    return await database.fetch(_OUTDATED, names)


async def by_keys(
    database: Database, mapping: MappingSpec, facility_id: int, keys: Sequence[str]
) -> dict[str, KeyedItem]:
    """Return key -> the item; keys that were not submitted yet are left out."""
    names = {"facility": facility_id, "item": mapping.item, "keys": keys}
    return {item.key: item for item in await database.fetch(_BY_KEYS, names)}


async def awaited_by(database: Database, delivery_ids: Sequence[int]) -> list[AwaitedItem]:
    """Return what the deliveries wait for; a record that is no item comes as an item that was not submitted."""
    return await database.fetch(_AWAITED_BY, {"ids": delivery_ids})


async def codes_sent_with(database: Database, delivery_id: int) -> list[SentCode]:
    """Return the codes that a delivery was last sent with."""
    return await database.fetch(_CODES_SENT_WITH, {"id": delivery_id})


def content_of(row: ListedItem) -> dict[str, Any]:
    """Return the columns of the code's row; empty if the item has no code."""
    content: dict[str, Any] = orjson.loads(row.content) if row.content else {}
    return content


def _items(mapping: MappingSpec, facility_id: int) -> Select[*tuple[Any, ...]]:
    """Return the query of a clinic's items with the columns of ListedItem."""
    names = mapping.names(facility_id)
    waiting = (
        select(func.count())
        .select_from(Wait)
        .where(Wait.facility_id == Item.facility_id, Wait.spec == Item.item, Wait.key == Item.key)
        .scalar_subquery()
        .label("waiting")
    )
    item = (Item.id, Item.key, Item.name, Item.record, Item.state, Item.active, Item.code, Item.reason)
    code = and_(CodeRow.facility_id == names["owner"], CodeRow.list == names["list"], CodeRow.key == Item.code)
    return (
        select(*item, Item.mapped_by, Item.mapped_at, CodeRow.content, CodeRow.gone_at, waiting, Item.parts_hash)
        .outerjoin_from(Item, CodeRow, code)
        .where(Item.facility_id == names["facility"], Item.item == names["item"])
    )


class _StateCount(NamedTuple):
    """The number of items of a state."""

    state: str
    n: int


_COUNTS = Statement(
    """
SELECT state, COUNT(*) AS n FROM items WHERE facility_id = :facility AND item = :item AND active GROUP BY state
""",
    _StateCount,
)

_WAITING = Statement(
    "SELECT COUNT(DISTINCT delivery_id) FROM waits WHERE facility_id = :facility AND spec = :item", int
)

_HISTORY = Statement(
    "SELECT at, actor, action, code, before FROM item_changes WHERE item_id = :id ORDER BY id DESC LIMIT 100", Change
)

_OUTDATED = Statement(
    """
SELECT u.delivery_id FROM code_uses AS u
JOIN items AS i ON i.facility_id = u.facility_id AND i.item = u.item AND i.key = u.key
WHERE i.facility_id = :facility AND i.item = :item AND i.id = :id AND i.code IS NOT NULL AND u.code <> i.code
ORDER BY u.delivery_id
""",
    int,
)

_BY_KEYS = Statement(
    """
SELECT i.key, i.id, i.name, i.state FROM {keys} AS v
JOIN items AS i ON i.facility_id = :facility AND i.item = :item AND i.key = v.key
""",
    KeyedItem,
    keys="key text",
)

_AWAITED_BY = Statement(
    """
SELECT w.delivery_id, w.spec, w.key, i.id, i.name, i.state FROM {ids} AS v
JOIN waits AS w ON w.delivery_id = v.id
LEFT JOIN items AS i ON i.facility_id = w.facility_id AND i.item = w.spec AND i.key = w.key
ORDER BY w.delivery_id, w.key
""",
    AwaitedItem,
    ids="id bigint",
)

_CODES_SENT_WITH = Statement(
    """
SELECT u.item, u.key, u.code, i.id, i.name, i.state, i.code AS now FROM code_uses AS u
LEFT JOIN items AS i ON i.facility_id = u.facility_id AND i.item = u.item AND i.key = u.key
WHERE u.delivery_id = :id ORDER BY u.item, u.key
""",
    SentCode,
)
