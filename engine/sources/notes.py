"""Notes in the ledger what became of the rows of a batch, in the transaction that extends the lease."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.failpoints import failpoint
from engine.sources.ledger import Ledger, LedgerRow, ReadRow, RowOutcome, differs
from engine.sources.records import HandedIn
from engine.sources.restored import send_again
from engine.sources.schedule import SourceLease, extend

Also = Callable[[Transaction], Awaitable[object]]  # what else belongs to the transaction


async def nothing_else(_: Transaction) -> None:
    """Leave the transaction as it is."""


@dataclass(frozen=True, slots=True)
class Notes:
    """The ledger of one read, written under the lease of its source."""

    database: Database
    held: SourceLease
    ledger: Ledger

    async def note(
        self, day: str, handed: HandedIn, known: Mapping[str, LedgerRow], also: Also = nothing_else
    ) -> set[str]:
        """Store what has changed; return the keys that the ledger has on another day. Raises LeaseLost."""
        strangers = [row.key for row in handed.rows if row.key not in known]
        others = await self.ledger.of_keys(self.database, strangers)
        before = {**known, **others}
        changed = [row for row in handed.rows if (old := before.get(row.key)) is None or differs(row, day, old)]
        await self.database.write(self._store, day, changed, before, also)
        failpoint("source_noted")
        again = [key for row in changed if (key := row.key) in handed.unchanged and _was_gone(before.get(key))]
        await send_again(self.database, self.held.facility_id, [handed.unchanged[key] for key in again])
        return set(others)

    async def _store(
        self, tx: Transaction, day: str, rows: list[ReadRow], before: Mapping[str, LedgerRow], also: Also
    ) -> None:
        await extend(tx, self.held)
        await self.ledger.store(tx, day, rows, before)
        failpoint("source_noting")
        await also(tx)


def _was_gone(row: LedgerRow | None) -> bool:
    return row is not None and row.state == RowOutcome.GONE
