"""Items that deliveries wait for, and the codes that deliveries were sent with, in words and with links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from admin.pages.shared.explanations import Act, Explanation
from admin.text.words import localized, say
from engine.hub import Hub
from engine.mapping import queries
from engine.queries import deliveries
from engine.specs.mapping import MappingSpec

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
class WaitingRecord:
    """A record that a delivery waits for; `spec` is the name of its type."""

    spec: str
    key: str
    label: str
    upstream: str

    @property
    def words(self) -> str:
        return say("type.waits_for", what=f"{self.label} {self.key}")

    @property
    def href(self) -> str:
        """Return the list of its type, searched for it: it may not have been submitted yet."""
        return f"/integrasi/{self.upstream}/{self.spec}?{urlencode({'text': self.key})}"


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
    for id_, waits in (await awaited_by(hub, ids)).items():
        if of_mapping := [wait for wait in waits if isinstance(wait, WaitingItem)]:
            items[id_] = of_mapping
    return items


async def awaited_by(hub: Hub, ids: Sequence[int]) -> dict[int, list[WaitingItem | WaitingRecord]]:
    """Return delivery id -> all that the delivery waits for, items before records."""
    waits: dict[int, list[WaitingItem | WaitingRecord]] = {}
    for row in await queries.awaited_by(hub.database, ids) if ids else ():
        mapping, spec = hub.catalog.items.get(row.spec), hub.catalog.specs.get(row.spec)
        if mapping is not None:
            item = WaitingItem(mapping, row.key, row.id, row.name or row.key, row.state or "absent")
            waits.setdefault(row.delivery_id, []).append(item)
        elif spec is not None:
            record = WaitingRecord(row.spec, row.key, localized(spec.label), spec.upstream.name)
            waits.setdefault(row.delivery_id, []).append(record)
    return {id_: sorted(several, key=lambda wait: isinstance(wait, WaitingRecord)) for id_, several in waits.items()}


async def codes_used_by(hub: Hub, id_: int) -> list[UsedCode]:
    """Return the codes that a delivery was last sent with."""
    if not hub.catalog.mappings:
        return []
    items = hub.catalog.items
    rows = await queries.codes_sent_with(hub.database, id_)
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
    rows = await queries.by_keys(hub.database, mapping, facility_id, keys)
    pairs = ((key, rows.get(key)) for key in keys)
    return [
        WaitingItem(mapping, key, row.id, row.name, row.state)
        if row
        else WaitingItem(mapping, key, None, key, "absent")
        for key, row in pairs
    ]


async def deliveries_awaiting(hub: Hub, facility_id: int, item: str, key: str) -> list[dict[str, str]]:
    """Return the deliveries that wait for an item, with their addresses."""
    rows = await deliveries.waiting_for_item(hub.database, facility_id, item, key, MAX_DELIVERIES)
    specs = hub.catalog.specs
    return [
        {
            "label": localized(specs[row.spec].label),
            "key": row.key,
            "href": f"/integrasi/{specs[row.spec].upstream.name}/{row.spec}/{row.id}",
        }
        for row in rows
        if row.spec in specs
    ]


def explain_missing_code(mapping: MappingSpec, state: str = "unmapped") -> Explanation:
    """Explain why a delivery waits for an item, and what to do."""
    title = say("mapping.held.title", what=say(f"mapping.held.{state}", one=mapping.one))
    return Explanation(title, say(f"mapping.held.{state}.remedy", one=mapping.one), say("who.petugas"), Act.MAP)
