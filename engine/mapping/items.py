"""Stores submitted items: a new item waits for a code, and an item whose compared parts changed needs review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.messages import message
from engine.database.database import Database
from engine.database.rows import ItemRow
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import ITEM_NAME_LENGTH
from engine.delivery.types import Added
from engine.facilities.facilities import FacilityRow
from engine.json_text import content_hash
from engine.specs.mapping import MappingSpec

SOURCE = message("actor.clinic_system")  # actor in an item's history: the clinic's system


@dataclass(frozen=True, slots=True)
class ItemEntry:
    """A valid item, ready to be stored; its fields are named as the columns of its row."""

    key: str
    name: str
    words: str
    record: str
    record_hash: str
    parts_hash: str
    active: bool


def entry_of(mapping: MappingSpec, facility: FacilityRow, record: Mapping[str, Any], text_: str) -> ItemEntry:
    """Return the entry of a record; `text_` is the record as JSON. Raises TemplateError."""
    scope = mapping.scope(record, facility)
    name = str(mapping.item_name.render(scope) or "")
    parts = [part.ours.render(scope) for part in mapping.parts]
    cells = [column.value.render(scope) for column in mapping.columns]
    key = mapping.key.render(scope)
    return ItemEntry(
        key="" if key is None else str(key),
        name=name[:ITEM_NAME_LENGTH],
        words=" ".join(str(value) for value in (key, name, *cells) if value not in (None, "")).casefold(),
        record=text_,
        record_hash=content_hash(record),
        parts_hash=content_hash(parts),
        active=mapping.active is None or bool(mapping.active.render(scope)),
    )


async def add(
    database: Database, mapping: MappingSpec, facility_id: int, entries: Sequence[ItemEntry]
) -> list[tuple[int, Added]]:
    """Store all entries in one transaction; return each one's item id and outcome, in their order."""
    return await database.write(_add, mapping, facility_id, entries)


async def _add(
    tx: Transaction, mapping: MappingSpec, facility_id: int, entries: Sequence[ItemEntry]
) -> list[tuple[int, Added]]:
    now = tx.now
    newest = {entry.key: entry for entry in entries}
    new = await _insert(tx, mapping, facility_id, list(newest.values()), now)
    stored = await _stored(tx, mapping, facility_id, list(newest))
    changed = [(stored[key], entry) for key, entry in newest.items() if stored[key].record_hash != entry.record_hash]
    await _change(tx, changed, now)
    outcomes = {key: Added.ACCEPTED if key in new else Added.UNCHANGED for key in stored}
    outcomes |= {entry.key: Added.CHANGED for _, entry in changed}
    return [(stored[entry.key].id, outcomes[entry.key]) for entry in entries]


async def _insert(
    tx: Transaction, mapping: MappingSpec, facility_id: int, entries: Sequence[ItemEntry], now: int
) -> set[str]:
    """Insert the entries that are new; return their keys."""
    rows = [[getattr(entry, name) for name in _COLUMNS] for entry in entries]
    parameters = {"facility": facility_id, "item": mapping.item, "now": now, "rows": rows}
    return set(await tx.rows(_INSERT, parameters))


async def _stored(tx: Transaction, mapping: MappingSpec, facility_id: int, keys: Sequence[str]) -> dict[str, ItemRow]:
    names = {"facility": facility_id, "item": mapping.item, "keys": keys}
    return {row.key: row for row in await tx.rows(_STORED, names)}


async def _change(tx: Transaction, changed: Sequence[tuple[ItemRow, ItemEntry]], now: int) -> None:
    """Update changed items; an item whose code was confirmed for other content needs review."""
    doubtful = [row for row, entry in changed if row.state == "mapped" and row.parts_hash != entry.parts_hash]
    again = {row.id for row in doubtful}
    rows = [[row.id, *(getattr(entry, name) for name in _COLUMNS), int(row.id in again)] for row, entry in changed]
    await tx.execute(_CHANGE, {"rows": rows, "now": now})
    await note_all(tx, now, SOURCE, "changed", doubtful)


_COLUMNS = ("key", "name", "words", "record", "record_hash", "parts_hash", "active")

_CHANGE = Command(
    """
UPDATE items SET key = v.key, name = v.name, words = v.words, record = v.record, record_hash = v.record_hash,
  parts_hash = v.parts_hash, active = v.active, changed_at = :now,
  state = CASE WHEN v.doubtful = 1 THEN 'review' ELSE state END,
  reason = CASE WHEN v.doubtful = 1 THEN 'changed' ELSE reason END
FROM {rows} AS v WHERE items.id = v.id
""",
    rows=(
        "id bigint, key text, name text, words text, record text, record_hash text, parts_hash text, active boolean, "
        "doubtful integer"
    ),
)
_INSERT = Statement(
    """
INSERT INTO items (facility_id, item, key, name, words, record, record_hash, parts_hash, active, state, created_at,
  changed_at)
SELECT :facility, :item, v.key, v.name, v.words, v.record, v.record_hash, v.parts_hash, v.active, 'unmapped',
  CAST(:now AS BIGINT), CAST(:now AS BIGINT) FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, item, key) DO NOTHING RETURNING key
""",
    str,
    rows="key text, name text, words text, record text, record_hash text, parts_hash text, active boolean",
)


# CROSS JOIN makes SQLite keep this join order.
_STORED = Statement(
    f"""
SELECT {", ".join(f"i.{column}" for column in ItemRow._fields)} FROM {{keys}} AS v CROSS JOIN items AS i
WHERE i.key = v.key AND i.facility_id = :facility AND i.item = :item ORDER BY i.id {{FOR UPDATE OF i}}
""",
    ItemRow,
    keys="key text",
)


class CodedItem(Protocol):
    """A row of an item with its code before an action."""

    @property
    def id(self) -> int: ...

    @property
    def code(self) -> str | None: ...


async def note_all(
    tx: Transaction, at: int, actor: str, action: str, items: Sequence[CodedItem], code: str | None = None
) -> None:
    """Note one action in the history of items; `code` is their new code."""
    columns = ("item_id", "at", "actor", "action", "code", "before")
    await tx.insert("item_changes", columns, [(item.id, at, actor, action, code or None, item.code) for item in items])
