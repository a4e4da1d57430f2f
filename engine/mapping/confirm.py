"""Confirms and removes an item's code; deliveries that waited for the code become due in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.code_lists.copies import ROWS_OF_KEYS
from engine.database import audit
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.types import Channel
from engine.mapping.items import note_all
from engine.outbox import counters
from engine.outbox.waits import release
from engine.specs.mapping import MappingSpec


@dataclass(frozen=True, slots=True)
class Choice:
    """A code chosen for an item. `seen`: the item's code that the page showed to the person, None if it had none."""

    item_id: int
    code: str
    seen: str | None = None
    parts_hash: str | None = None  # of the parts that the code was chosen for; None: not compared again
    # In place of the person, in the item's history: the system from which the code was taken over (a message).
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Result of a confirmation."""

    done: tuple[int, ...]  # items that have their code now; one that had it already is not noted again
    overtaken: tuple[int, ...]  # items that have another code, or other parts, than the person saw
    unknown: tuple[int, ...]  # items whose new code is not in the code list, withdrawn, or may not be chosen
    channels: frozenset[Channel]  # channels in which deliveries became due


async def confirm(
    database: Database, mapping: MappingSpec, facility_id: int, choices: Sequence[Choice], actor: str
) -> Confirmed:
    """Give items their codes in one transaction; deliveries that waited for nothing else become due."""
    return await database.write(_confirm, mapping, facility_id, choices, actor)


async def remove(database: Database, mapping: MappingSpec, facility_id: int, item_id: int, actor: str) -> bool:
    """Remove an item's code; deliveries that need the code wait from now on. False if the item has none."""
    return await database.write(_remove, mapping, facility_id, item_id, actor)


async def _remove(tx: Transaction, mapping: MappingSpec, facility_id: int, item_id: int, actor: str) -> bool:
    now = tx.now
    names = {"facility": facility_id, "item": mapping.item, "id": item_id, "now": now}
    before = await tx.first(_HAD, names)
    if before is None:
        return False
    await tx.execute(_REMOVE, names)
    await note_all(tx, now, actor, "removed", [before])
    await _audit(tx, now, actor, "mapping.remove", facility_id, mapping, before, before.key)
    return True


async def _confirm(
    tx: Transaction, mapping: MappingSpec, facility_id: int, choices: Sequence[Choice], actor: str
) -> Confirmed:
    now = tx.now
    by_item = {choice.item_id: choice for choice in choices}
    items = await _locked(tx, mapping, facility_id, list(by_item))
    valid = await _valid(tx, mapping, facility_id, {choice.code for choice in choices})
    overtaken = [row for row in items if _is_overtaken(row, by_item[row.id])]
    unknown = [row for row in items if row not in overtaken and by_item[row.id].code not in valid]
    done = [row for row in items if row not in overtaken and row not in unknown]
    chosen = [row for row in done if row.state != "mapped" or row.code != by_item[row.id].code]
    for row in chosen:
        code, by = by_item[row.id].code, by_item[row.id].origin or actor
        await tx.execute(_CONFIRM, {"id": row.id, "code": code, "actor": by, "now": now})
        await note_all(tx, now, by, "mapped", [row], code)
        await _audit(tx, now, actor, "mapping.confirm", facility_id, mapping, row, f"{row.key}: {code}")
    deltas = counters.Deltas()
    channels = await release(tx, [(facility_id, mapping.item, row.key) for row in chosen], deltas)
    await counters.apply(tx, deltas)
    done_ids, overtaken_ids, unknown_ids = (tuple(row.id for row in rows) for rows in (done, overtaken, unknown))
    return Confirmed(done_ids, overtaken_ids, unknown_ids, frozenset(channels))


def _is_overtaken(row: _LockedItem, choice: Choice) -> bool:
    return row.code not in (choice.seen, choice.code) or choice.parts_hash not in (None, row.parts_hash)


async def _locked(tx: Transaction, mapping: MappingSpec, facility_id: int, ids: Sequence[int]) -> list[_LockedItem]:
    return await tx.rows(_LOCK, {"facility": facility_id, "item": mapping.item, "ids": ids})


async def _valid(tx: Transaction, mapping: MappingSpec, facility_id: int, codes: set[str]) -> set[str]:
    """Return the codes that the copy of the list has and that may be chosen."""
    rows = await tx.rows(ROWS_OF_KEYS, {**mapping.names(facility_id), "keys": codes})
    return {row.key for row in rows if row.gone_at is None and mapping.may_choose(row.content)}


async def _audit(
    tx: Transaction,
    now: int,
    actor: str,
    action: str,
    facility_id: int,
    mapping: MappingSpec,
    item: _LockedItem,
    detail: str,
) -> None:
    reason = f"{mapping.label}: {detail}"
    await audit.note(tx, now, actor, action, facility_id=facility_id, item_id=item.id, reason=reason)


class _LockedItem(NamedTuple):
    """An item and its present code."""

    id: int
    key: str
    code: str | None
    state: str
    parts_hash: str


_LOCK = Statement(
    """
SELECT id, key, code, state, parts_hash FROM items WHERE facility_id = :facility AND item = :item
  AND id IN (SELECT id FROM {ids} AS v) ORDER BY id {FOR UPDATE}
""",
    _LockedItem,
    ids="id bigint",
)

_HAD = Statement(
    """
SELECT id, key, code, state, parts_hash FROM items
WHERE facility_id = :facility AND item = :item AND id = :id AND code IS NOT NULL
""",
    _LockedItem,
)

_REMOVE = Command(
    """
UPDATE items SET state = 'unmapped', code = NULL, reason = NULL, mapped_by = NULL, mapped_at = NULL, changed_at = :now
WHERE facility_id = :facility AND item = :item AND id = :id
"""
)

_CONFIRM = Command(
    """
UPDATE items SET state = 'mapped', code = :code, reason = NULL, mapped_by = :actor, mapped_at = :now,
  changed_at = :now WHERE id = :id
"""
)
