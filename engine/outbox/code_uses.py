"""Notes the codes of mapped items that deliveries were sent with, so that a changed code leads to them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.database.statements import Command
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
        await tx.execute(_NOTE, {"rows": rows})


_NOTE = Command(
    """
INSERT INTO code_uses (facility_id, item, key, delivery_id, code)
SELECT facility_id, item, key, delivery_id, code FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, item, key, delivery_id) DO UPDATE SET code = excluded.code
""",
    rows="facility_id integer, item text, key text, delivery_id bigint, code text",
)
