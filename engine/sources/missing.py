"""Follows the rows that a complete round has not met: twice in a row, and they have disappeared."""

from __future__ import annotations

from collections.abc import Sequence

from engine.database.transaction import Transaction
from engine.sources.gone import Disappeared, follow
from engine.sources.ledger import LedgerRow
from engine.sources.notes import Also, nothing_else
from engine.sources.schedule import extend

MANY_GONE = 20  # rows that may disappear at once, whatever their part
MANY_GONE_PART = 10  # of so many rows one may disappear at once
ROUNDS_WITHOUT = 2  # complete rounds in a row without a row, after which it has disappeared


class TooManyGone(Exception):
    """Raised when more rows disappear at once than people delete: probably a wrong, emptied or restored database."""

    def __init__(self, gone: int, of: int) -> None:
        super().__init__(f"{gone} of {of} rows")
        self.gone, self.of = gone, of


async def follow_missing(
    place: Disappeared, missing: Sequence[LedgerRow], days: tuple[str, str], also: Also = nothing_else
) -> int:
    """Count a round without these rows, and follow those that have disappeared; return the number of these.

    `days` are the first and the last day of the round. Raises LeaseLost, TooManyGone.
    """
    await check_number(place, sum(row.missed == 0 for row in missing), days)
    taken = [row for row in missing if row.record_key is not None]
    ended = [row for row in taken if row.missed + 1 >= ROUNDS_WITHOUT]
    never = [row.key for row in missing if row.record_key is None]

    async def store(tx: Transaction) -> None:
        await extend(tx, place.held)
        await place.ledger.note_missing(tx, [row.key for row in taken])
        await place.ledger.remove(tx, never)
        await also(tx)

    await place.database.write(store)
    return await follow(place, ended) if ended else 0


async def check_number(place: Disappeared, gone: int, days: tuple[str, str]) -> None:
    """Raise TooManyGone if that many rows may not disappear at once without a person's word."""
    if gone <= MANY_GONE or place.held.agreed_until > place.database.clock():
        return
    of = await place.ledger.number(place.database, *days)
    if gone * MANY_GONE_PART > of:
        raise TooManyGone(gone, of)
