"""Notes in the ledger what became of the rows of a batch, in the transaction that extends the lease."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from adapters.messages import message
from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.failpoints import failpoint
from engine.outbox.resend import resend
from engine.sources.ledger import Ledger, LedgerRow, ReadRow, RowOutcome, differs
from engine.sources.records import HandedIn
from engine.sources.schedule import SourceLease, extend

READER = message("actor.source")  # actor of what the reader of sources does

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
        await self._send_again([handed.unchanged[key] for key in again])
        return set(others)

    async def _send_again(self, ids: Sequence[int]) -> None:
        """Make deliveries due that were set aside when their row disappeared; those that were sent stay sent."""
        if ids:
            await resend(self.database, self.held.facility_id, ids, READER, reason=message("source.back"))

    async def _store(
        self, tx: Transaction, day: str, rows: list[ReadRow], before: Mapping[str, LedgerRow], also: Also
    ) -> None:
        await extend(tx, self.held)
        await self.ledger.store(tx, day, rows, before)
        failpoint("source_noting")
        await also(tx)


def _was_gone(row: LedgerRow | None) -> bool:
    return row is not None and row.state == RowOutcome.GONE
