"""Notes the codes of mapped items and the value rules that deliveries were sent with, so that these lead to them."""

from __future__ import annotations

from collections.abc import Sequence

from engine.database.statements import Command
from engine.database.transaction import Transaction
from engine.delivery.types import Settlement

WRITING = ("create", "update")


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


async def note_rules(tx: Transaction, settlements: Sequence[Settlement]) -> None:
    """Note the value rules of the deliveries whose content was sent, whatever the upstream said to it."""
    rows = [
        [settlement.delivery.id, rule, max(times)]
        for settlement in settlements
        if settlement.value_rules and (times := [one.at for one in settlement.attempts if one.operation in WRITING])
        for rule in settlement.value_rules
    ]
    if rows:
        await tx.execute(_NOTE_RULES, {"rows": rows})


_NOTE = Command(
    """
INSERT INTO code_uses (facility_id, item, key, delivery_id, code)
SELECT facility_id, item, key, delivery_id, code FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, item, key, delivery_id) DO UPDATE SET code = excluded.code
""",
    rows="facility_id integer, item text, key text, delivery_id bigint, code text",
)
_NOTE_RULES = Command(
    """
INSERT INTO value_rule_uses (delivery_id, rule_id, first_at, last_at)
SELECT delivery_id, rule_id, MAX(at), MAX(at) FROM {rows} AS v GROUP BY delivery_id, rule_id
ON CONFLICT (delivery_id, rule_id) DO UPDATE SET last_at = excluded.last_at
""",
    rows="delivery_id bigint, rule_id bigint, at bigint",
)
