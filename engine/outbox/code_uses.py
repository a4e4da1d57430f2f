"""Notes the codes of mapped items that deliveries were sent with, so that a changed code leads to them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from engine.database.database import as_json
from engine.database.transaction import Transaction
from engine.delivery.types import Settlement


async def note_codes(tx: Transaction, settlements: Sequence[Settlement]) -> None:
    """Note the codes of the deliveries that the upstream holds by now."""
    rows = [
        [settlement.delivery.facility_id, item, key, settlement.delivery.id, code]
        for settlement in settlements
        if settlement.sent_version is not None
        for item, key, code in settlement.codes
    ]
    if rows:
        await tx.execute(text(_NOTE % tx.subquery(_COLUMNS, "rows")), {"rows": as_json(rows)})


_COLUMNS = {"facility_id": "integer", "item": "text", "key": "text", "delivery_id": "bigint", "code": "text"}

_NOTE = """
INSERT INTO code_uses (facility_id, item, key, delivery_id, code)
SELECT facility_id, item, key, delivery_id, code FROM %s AS v WHERE true
ON CONFLICT (facility_id, item, key, delivery_id) DO UPDATE SET code = excluded.code
"""
