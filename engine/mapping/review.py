"""Review of mapped items after a new copy of their code list: withdrawn and restored codes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from engine.database.database import FollowUp
from engine.database.statements import Statement
from engine.database.transaction import Transaction
from engine.mapping.items import note_all
from engine.outbox import counters
from engine.outbox.waits import release
from engine.specs.code_list import SHARED
from engine.specs.mapping import MappingSpec

WATCH = "Antar"  # actor in an item's history: the program itself


def after_copy(mappings: Iterable[MappingSpec], code_list: str, owner: int) -> list[FollowUp]:
    """Return a review for each mapping to a code list, to run in the transaction that stores the list's new copy."""
    return [
        partial(review_items, mapping=mapping, owner=owner)
        for mapping in mappings
        if mapping.catalogue.list.name == code_list
    ]


async def review_items(tx: Transaction, mapping: MappingSpec, owner: int) -> None:
    """Send items of withdrawn codes to review, and map them again when the code is back; `owner` owns the copy."""
    now, code_list = tx.now, mapping.catalogue.list.name
    names = {"item": mapping.item, "list": code_list, "owner": owner, "shared": owner == SHARED, "now": now}
    withdrawn = await tx.rows(_WITHDRAW, names)
    restored = await tx.rows(_RESTORE, names)
    await note_all(tx, now, WATCH, "withdrawn", withdrawn)
    await note_all(tx, now, WATCH, "restored", restored)
    deltas = counters.Deltas()
    await release(tx, [(row.facility_id, mapping.item, row.key) for row in restored], deltas)
    await counters.apply(tx, deltas)


_GONE = """(SELECT 1 FROM code_rows AS c
  WHERE c.facility_id = :owner AND c.list = :list AND c.key = items.code AND c.gone_at IS NOT NULL)"""

_OURS = "item = :item AND (:shared OR facility_id = :owner)"


class _Reviewed(NamedTuple):
    """An item whose state has changed with its code."""

    id: int
    facility_id: int
    key: str
    code: str


_WITHDRAW = Statement(
    f"""
UPDATE items SET state = 'review', reason = 'withdrawn', changed_at = :now
WHERE {_OURS} AND state = 'mapped' AND EXISTS {_GONE} RETURNING id, facility_id, key, code
""",
    _Reviewed,
)

_RESTORE = Statement(
    f"""
UPDATE items SET state = 'mapped', reason = NULL, changed_at = :now
WHERE {_OURS} AND state = 'review' AND reason = 'withdrawn' AND NOT EXISTS {_GONE}
RETURNING id, facility_id, key, code
""",
    _Reviewed,
)
