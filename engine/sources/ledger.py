"""Ledger of the rows that were read: which keys a clinic's database had, and the outcome of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction

PAGE_ROWS = 5000


class RowOutcome(StrEnum):
    """Outcome of reading a row."""

    TAKEN = "taken"
    SKIPPED = "skipped"
    REFUSED = "refused"
    GONE = "gone"  # it has disappeared, and what follows from that has been done


class ReadRow(NamedTuple):
    """A row of a round: its key, and its outcome."""

    key: str
    state: RowOutcome
    record_key: str | None = None
    problem: str | None = None


class LedgerRow(NamedTuple):
    """A row of the ledger; engine.database.tables.SourceRow explains the columns."""

    key: str
    first_day: str
    last_day: str
    state: str
    record_key: str | None
    problem: str | None
    missed: int


class Ledger(NamedTuple):
    """The ledger of one read of a clinic's source."""

    facility_id: int
    source: str
    read: str

    @property
    def names(self) -> dict[str, int | str]:
        return {"facility": self.facility_id, "source": self.source, "read": self.read}

    async def of_day(self, database: Database, day: str) -> dict[str, LedgerRow]:
        """Return the rows whose last day this is, by key."""
        return {row.key: row for row in await database.fetch(_OF_DAY, {**self.names, "day": day})}

    async def of_keys(self, database: Database, keys: Collection[str]) -> dict[str, LedgerRow]:
        """Return the rows of these keys."""
        if not keys:
            return {}
        rows = await database.fetch(_OF_KEYS, {**self.names, "keys": list(keys)})
        return {row.key: row for row in rows}

    async def pages(self, database: Database) -> AsyncIterator[list[LedgerRow]]:
        """Yield all rows, PAGE_ROWS at once, in the order of their keys."""
        after = ""
        while page := await database.fetch(_PAGE, {**self.names, "after": after, "size": PAGE_ROWS}):
            yield page
            after = page[-1].key

    async def number(self, database: Database, first: str, last: str) -> int:
        """Return the number of rows whose last day is within these days and that have not disappeared."""
        [count] = await database.fetch(_COUNT, {**self.names, "first": first, "last": last})
        return count

    async def store(self, tx: Transaction, day: str, rows: Iterable[ReadRow], known: Mapping[str, LedgerRow]) -> None:
        """Store rows that were read on a day; `known` are their present rows, as far as there are any."""
        values = [
            [
                row.key,
                min(day, old.first_day) if (old := known.get(row.key)) else day,
                max(day, old.last_day) if old else day,
                row.state,
                row.record_key or (old and old.record_key),
                row.problem,
            ]
            for row in rows
        ]
        if values:
            await tx.execute(_STORE, {**self.names, "rows": values, "now": tx.now})

    async def note_missing(self, tx: Transaction, keys: Sequence[str]) -> None:
        """Count a complete round without these rows."""
        if keys:
            await tx.execute(_MISSED, {**self.names, "keys": keys})

    async def note_met(self, tx: Transaction, keys: Sequence[str]) -> None:
        """Note that rows which a round had missed were met again."""
        if keys:
            await tx.execute(_MET, {**self.names, "keys": keys})

    async def note_gone(self, tx: Transaction, problems: Mapping[str, str | None]) -> None:
        """Note that what follows from the end of these rows has been done; `problems` has words on each."""
        rows = [[key, problem] for key, problem in problems.items()]
        if rows:
            await tx.execute(_GONE, {**self.names, "rows": rows, "now": tx.now})

    async def remove(self, tx: Transaction, keys: Sequence[str]) -> None:
        """Remove rows: of which no record was ever stored, or whose records are old."""
        if keys:
            await tx.execute(_REMOVE, {**self.names, "keys": keys})

    async def forget_before(self, tx: Transaction, day: str) -> None:
        """Remove rows whose last day is before this one."""
        await tx.execute(_FORGET, {**self.names, "day": day})


def differs(row: ReadRow, day: str, old: LedgerRow) -> bool:
    """Tell if a row that was read differs from the ledger's."""
    return (
        (row.state, row.problem) != (old.state, old.problem)
        or old.missed > 0
        or not old.first_day <= day <= old.last_day
        or (row.record_key or old.record_key) != old.record_key
    )


_OF_READ = "facility_id = :facility AND source = :source AND read = :read"
_COLUMNS = "key, first_day, last_day, state, record_key, problem, missed"
_OF_DAY = Statement(f"SELECT {_COLUMNS} FROM source_rows WHERE {_OF_READ} AND last_day = :day", LedgerRow)
_OF_KEYS = Statement(
    f"SELECT {_COLUMNS} FROM source_rows WHERE {_OF_READ} AND key IN (SELECT key FROM {{keys}} AS v)",
    LedgerRow,
    keys="key text",
)
_PAGE = Statement(
    f"SELECT {_COLUMNS} FROM source_rows WHERE {_OF_READ} AND key > :after ORDER BY key LIMIT :size", LedgerRow
)
_COUNT = Statement(
    f"""
SELECT COUNT(*) FROM source_rows
WHERE {_OF_READ} AND last_day BETWEEN :first AND :last AND state <> 'gone'
""",
    int,
)
_STORE = Command(
    """
INSERT INTO source_rows
  (facility_id, source, read, key, first_day, last_day, state, record_key, problem, changed_at, missed)
SELECT :facility, :source, :read, v.key, v.first_day, v.last_day, v.state, v.record_key, v.problem,
  CAST(:now AS BIGINT), 0
FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, source, read, key) DO UPDATE SET first_day = excluded.first_day,
  last_day = excluded.last_day, state = excluded.state, record_key = excluded.record_key,
  problem = excluded.problem, changed_at = excluded.changed_at, missed = 0
""",
    rows="key text, first_day text, last_day text, state text, record_key text, problem text",
)
_MISSED = Command(
    f"UPDATE source_rows SET missed = missed + 1 WHERE {_OF_READ} AND key IN (SELECT key FROM {{keys}} AS v)",
    keys="key text",
)
_MET = Command(
    f"UPDATE source_rows SET missed = 0 WHERE {_OF_READ} AND key IN (SELECT key FROM {{keys}} AS v)", keys="key text"
)
_GONE = Command(
    """
UPDATE source_rows SET state = 'gone', problem = v.problem, changed_at = :now FROM {rows} AS v
WHERE source_rows.facility_id = :facility AND source_rows.source = :source AND source_rows.read = :read
  AND source_rows.key = v.key
""",
    rows="key text, problem text",
)
_REMOVE = Command(
    f"DELETE FROM source_rows WHERE {_OF_READ} AND key IN (SELECT key FROM {{keys}} AS v)", keys="key text"
)
_FORGET = Command(f"DELETE FROM source_rows WHERE {_OF_READ} AND last_day <> '' AND last_day < :day")
