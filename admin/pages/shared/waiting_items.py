"""Items that deliveries wait for, and the codes that deliveries were sent with, in words and with links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from admin.text.words import say
from engine.database.database import as_json
from engine.hub import Hub
from engine.specs.mapping import MappingSpec
from engine.specs.remedies import Explanation

MAX_DELIVERIES = 50  # listed of those that wait for one item


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """An item that a delivery waits for; `id` is None while the item was not submitted yet."""

    mapping: MappingSpec
    key: str
    id: int | None
    name: str
    state: str  # of the item; "absent" if it was not submitted yet

    @property
    def words(self) -> str:
        return say(f"mapping.held.{self.state}", one=self.mapping.one)

    @property
    def href(self) -> str:
        """Return the page on which the item gets its code; the lists if the item was not submitted yet."""
        home = f"/pemetaan/{self.mapping.name}"
        return f"{home}/{self.id}" if self.id else home


@dataclass(frozen=True, slots=True)
class UsedCode:
    """A code that a delivery was sent with; `now` is the present code of the item."""

    mapping: MappingSpec
    item: WaitingItem
    code: str
    now: str | None


async def items_awaited_by(hub: Hub, ids: Sequence[int]) -> dict[int, list[WaitingItem]]:
    """Return delivery id -> the items that the delivery waits for."""
    items: dict[int, list[WaitingItem]] = {}
    if not ids or not hub.catalog.mappings:
        return items
    query = text(_AWAITED_ITEMS % hub.database.rows({"id": "bigint"}, "ids"))
    for row in await hub.database.fetch(query, {"ids": as_json([[id_] for id_ in ids])}):
        mapping = hub.catalog.items.get(row.spec)
        if mapping is not None:
            item = WaitingItem(mapping, row.key, row.id, row.name or row.key, row.state or "absent")
            items.setdefault(row.delivery_id, []).append(item)
    return items


async def codes_used_by(hub: Hub, id_: int) -> list[UsedCode]:
    """Return the codes that a delivery was last sent with."""
    if not hub.catalog.mappings:
        return []
    items = hub.catalog.items
    rows = await hub.database.fetch(text(_USED_CODES), {"id": id_})
    return [
        UsedCode(
            items[row.item],
            WaitingItem(items[row.item], row.key, row.id, row.name or row.key, row.state or "absent"),
            row.code,
            row.now,
        )
        for row in rows
        if row.item in items
    ]


async def items_by_key(hub: Hub, facility_id: int, mapping: MappingSpec, keys: Sequence[str]) -> list[WaitingItem]:
    """Return the items of these keys, in the order of the keys."""
    query = text(_ITEMS_BY_KEY % hub.database.rows({"key": "text"}, "keys"))
    parameters = {"facility": facility_id, "item": mapping.item, "keys": as_json([[key] for key in keys])}
    rows = {row.key: row for row in await hub.database.fetch(query, parameters)}
    pairs = ((key, rows.get(key)) for key in keys)
    return [
        WaitingItem(mapping, key, row.id, row.name, row.state)
        if row
        else WaitingItem(mapping, key, None, key, "absent")
        for key, row in pairs
    ]


async def deliveries_awaiting(hub: Hub, facility_id: int, item: str, key: str) -> list[dict[str, str]]:
    """Return the deliveries that wait for an item, with their addresses."""
    parameters = {"facility": facility_id, "item": item, "key": key, "most": MAX_DELIVERIES}
    rows = await hub.database.fetch(text(_AWAITING_DELIVERIES), parameters)
    specs = hub.catalog.specs
    return [
        {
            "label": specs[row.spec].label,
            "key": row.key,
            "href": f"/integrasi/{specs[row.spec].upstream.name}/{row.spec}/{row.id}",
        }
        for row in rows
        if row.spec in specs
    ]


def explain_missing_code(mapping: MappingSpec, state: str = "unmapped") -> Explanation:
    """Explain why a delivery waits for an item, and what to do."""
    title = say("mapping.held.title", what=say(f"mapping.held.{state}", one=mapping.one))
    return Explanation(title, say(f"mapping.held.{state}.remedy", one=mapping.one), say("who.petugas"))


_AWAITED_ITEMS = """
SELECT w.delivery_id, w.spec, w.key, i.id, i.name, i.state FROM %s AS v
JOIN waits AS w ON w.delivery_id = v.id
LEFT JOIN items AS i ON i.facility_id = w.facility_id AND i.item = w.spec AND i.key = w.key
ORDER BY w.delivery_id, w.key
"""

_ITEMS_BY_KEY = """
SELECT i.key, i.id, i.name, i.state FROM %s AS v
JOIN items AS i ON i.facility_id = :facility AND i.item = :item AND i.key = v.key
"""

_USED_CODES = """
SELECT u.item, u.key, u.code, i.id, i.name, i.state, i.code AS now FROM code_uses AS u
LEFT JOIN items AS i ON i.facility_id = u.facility_id AND i.item = u.item AND i.key = u.key
WHERE u.delivery_id = :id ORDER BY u.item, u.key
"""

_AWAITING_DELIVERIES = """
SELECT d.id, d.spec, d.key FROM waits AS w JOIN deliveries AS d ON d.id = w.delivery_id
WHERE w.facility_id = :facility AND w.spec = :item AND w.key = :key ORDER BY d.id LIMIT :most
"""
