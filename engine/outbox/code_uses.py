"""Notes the codes of mapped items that deliveries were sent with, so that a changed code leads to them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from engine.database.database import Database, as_json
from engine.delivery.types import Settlement


def note_codes(database: Database, connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Note the codes of the deliveries that the upstream holds by now."""
    rows = [
        [settlement.delivery.facility_id, item, key, settlement.delivery.id, code]
        for settlement in settlements
        if settlement.sent_version is not None
        for item, key, code in settlement.codes
    ]
    if rows:
        connection.execute(text(_NOTE % database.rows(_COLUMNS, "rows")), {"rows": as_json(rows)})


_COLUMNS = {"facility_id": "integer", "item": "text", "key": "text", "delivery_id": "bigint", "code": "text"}

_NOTE = """
INSERT INTO code_uses (facility_id, item, key, delivery_id, code)
SELECT facility_id, item, key, delivery_id, code FROM %s AS v WHERE true
ON CONFLICT (facility_id, item, key, delivery_id) DO UPDATE SET code = excluded.code
"""
