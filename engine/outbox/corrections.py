"""Ends the listing of deliveries that a correction affected, once they are sent as their entry is now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import text

from adapters.base import Verdict
from engine.database.database import as_json
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
    subquery = tx.subquery({"delivery_id": "bigint", "name": "text"}, "rows")
    removed = await tx.rows(text(_REMOVE % subquery), {"rows": as_json(rows)})
    for (facility_id, spec, name), n in sorted(Counter(map(tuple, removed)).items()):
        parameters = {"facility": facility_id, "spec": spec, "name": name, "n": n}
        await tx.execute(text(_COUNT), parameters)


def _was_accepted(settlement: Settlement) -> bool:
    """Return whether the upstream accepted this content; an id that a search returned says nothing about it."""
    return settlement.sent_version is not None and any(
        attempt.operation in ("create", "update") and attempt.verdict == Verdict.ACCEPTED
        for attempt in settlement.attempts
    )


_REMOVE = """
DELETE FROM correction_deliveries WHERE (delivery_id, name) IN (SELECT delivery_id, name FROM %s AS v)
RETURNING facility_id, spec, name
"""
_COUNT = """
UPDATE correction_searches SET affected = affected - :n
WHERE facility_id = :facility AND spec = :spec AND name = :name
"""
