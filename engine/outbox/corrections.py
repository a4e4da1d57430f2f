"""Ends the listing of deliveries that a correction affected, once they are sent as their entry is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from adapters.base import Verdict
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.types import Settlement


async def forget_corrected(tx: Transaction, settlements: Sequence[Settlement]) -> None:
    """Remove the deliveries from the lists of the corrections that the sending version of their entry declares."""
    rows = [
        [settlement.delivery.id, name]
        for settlement in settlements
        if settlement.corrections and _was_accepted(settlement)
        for name in settlement.corrections
    ]
    if not rows:
        return
    removed = await tx.rows(_REMOVE, {"rows": rows})
    for (facility_id, spec, name), n in sorted(Counter(removed).items()):
        await tx.execute(_COUNT, {"facility": facility_id, "spec": spec, "name": name, "n": n})


def _was_accepted(settlement: Settlement) -> bool:
    """Return whether the upstream accepted this content; an id that a search returned says nothing about it."""
    return settlement.sent_version is not None and any(
        attempt.operation in ("create", "update") and attempt.verdict == Verdict.ACCEPTED
        for attempt in settlement.attempts
    )


class _Correction(NamedTuple):
    facility_id: int
    spec: str
    name: str


_REMOVE = Statement(
    """
DELETE FROM correction_deliveries WHERE (delivery_id, name) IN (SELECT delivery_id, name FROM {rows} AS v)
RETURNING facility_id, spec, name
""",
    _Correction,
    rows="delivery_id bigint, name text",
)
_COUNT = Command(
    """
UPDATE correction_searches SET affected = affected - :n
WHERE facility_id = :facility AND spec = :spec AND name = :name
"""
)
