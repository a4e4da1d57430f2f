"""Removes settled rows of a read by watermark from the ledger when the attempts of their records leave, too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Statement
from engine.database.transaction import Transaction
from engine.facilities.facilities import FacilityRow
from engine.sources.ledger import Ledger
from engine.sources.schedule import DueRound, SourceLease, extend
from engine.specs.record_type import Spec

PAGE_ROWS = 2000
DAY_MS = timedelta(days=1) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class LedgerRetention:
    """The ledger of one read of a clinic, and the entry of its records.

    The mark lies beyond what is removed: a removed row is read again only when it changes, and the intake knows its
    record by its key. Rows of masters stay, for they are deleted at any age.
    """

    database: Database
    held: SourceLease
    ledger: Ledger
    spec: Spec

    async def run(self) -> int:
        """Remove all rows that are old enough; return their number. Raises LeaseLost."""
        if self.spec.foundation:
            return 0
        kept = self.spec.retention
        border = self.database.clock() - max(kept.bodies, kept.attempts) * DAY_MS
        names = {**self.ledger.names, "spec": self.spec.name, "border": border, "size": PAGE_ROWS}
        removed, after = 0, ""
        while page := await self.database.fetch(_PAGE, {**names, "after": after}):
            old = [row.key for row in page if row.is_old]
            await self.database.write(self._remove, old)
            removed += len(old)
            after = page[-1].key
        return removed

    async def _remove(self, tx: Transaction, keys: list[str]) -> None:
        await extend(tx, self.held)
        await self.ledger.remove(tx, keys)


def is_due(facility: FacilityRow, due: DueRound, now: int) -> bool:
    """Return whether a round is the first one of a day of the clinic."""
    return due.done_at is not None and facility.local(due.done_at).date() < facility.local(now).date()


class _OldRow(NamedTuple):
    """A row of the ledger; `is_old`: it may be removed."""

    key: str
    is_old: int


# A row that is gone stays as long as a person may decide about it, or as its record, which was never sent, would have
# to be sent if the row came back.
_PAGE = Statement(
    """
SELECT r.key, CASE WHEN d.id IS NULL THEN 0 ELSE 1 END AS is_old FROM (
  SELECT facility_id, key, record_key, state, problem, changed_at FROM source_rows
  WHERE facility_id = :facility AND source = :source AND read = :read AND key > :after ORDER BY key LIMIT :size
) AS r
LEFT JOIN deliveries AS d ON d.facility_id = r.facility_id AND d.spec = :spec AND d.key = r.record_key
  AND d.status IN ('sent', 'ignored') AND d.settled_at < :border AND r.changed_at < :border
  AND (r.state = 'taken' OR r.state = 'gone' AND r.problem IS NULL)
ORDER BY r.key
""",
    _OldRow,
)
