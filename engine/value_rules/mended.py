"""Ends the rules that a clinic's system does not need any more: its records come with other values than the old."""

from __future__ import annotations

from typing import NamedTuple

import orjson
import structlog

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.time_slice import TimeSlice
from engine.value_rules.rules import ActiveRule, meets
from engine.value_rules.store import end_mended

QUIET_MS = 24 * 3600_000  # without a record with the old value, after one that a rule was used for came with another
MAX_USES = 500  # newest deliveries of a rule whose records are compared

log = structlog.get_logger(__name__)


class MendedSearch:
    """Looks for rules that ended by themselves; several workers may do so at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tick(self) -> None:
        """Note the rules for which a mended record has come, and end those that are not used any more."""
        mended = [rule.id for rule in await self._database.fetch(_OPEN) if await self._has_mended_record(rule)]
        if mended:
            await self._database.execute(_NOTE, {"ids": mended, "now": self._database.clock()})
        ended = await self._database.fetch(_QUIET, {"before": self._database.clock() - QUIET_MS})
        if ended:
            await self._database.write(end_mended, ended)
            log.info("value_rules_ended", rules=len(ended))

    async def _has_mended_record(self, rule: ActiveRule) -> bool:
        """Return whether a record that was sent by the rule has been handed in again with another value."""
        time_slice = TimeSlice()
        for row in await self._database.fetch(_CHANGED, {"id": rule.id, "most": MAX_USES}):
            await time_slice.pause()
            if row.changed_at > row.last_at and not meets(rule, orjson.loads(row.record)):
                return True
        return False


class _UsedRecord(NamedTuple):
    """The record, as it is now, of a delivery that was last sent by a rule at `last_at`."""

    record: str
    changed_at: int
    last_at: int


_OPEN = Statement(
    """
SELECT id, facility_id, spec, place, old, new, starts_at FROM value_rules
WHERE ended_at IS NULL AND mended_at IS NULL ORDER BY id
""",
    ActiveRule,
)
_CHANGED = Statement(
    """
SELECT d.record, d.changed_at, u.last_at FROM (
  SELECT delivery_id, last_at FROM value_rule_uses WHERE rule_id = :id ORDER BY delivery_id DESC LIMIT :most
) AS u JOIN deliveries AS d ON d.id = u.delivery_id
""",
    _UsedRecord,
)
_NOTE = Command(
    """
UPDATE value_rules SET mended_at = :now
WHERE ended_at IS NULL AND mended_at IS NULL AND id IN (SELECT id FROM {ids} AS v)
""",
    ids="id bigint",
)
_QUIET = Statement(
    """
SELECT r.id FROM value_rules AS r
WHERE r.ended_at IS NULL AND r.mended_at <= :before AND NOT EXISTS (
  SELECT 1 FROM value_rule_uses AS u WHERE u.rule_id = r.id AND u.last_at > :before
)
""",
    int,
)
