"""The nightly round of a read by watermark that reads keys alone, to see which rows have disappeared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.his_database.faults import FaultKind, HisFault
from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.facilities.facilities import FacilityRow
from engine.intake.intake import Intake
from engine.sources.gone import Disappeared
from engine.sources.ledger import Ledger, LedgerRow, RowOutcome
from engine.sources.missing import follow_missing
from engine.sources.records import SourceReading
from engine.sources.schedule import RoundResult, SourceLease, extend
from engine.specs.context import facility_mapping

HOUR_OF_NIGHT = 1  # in the clinic's time


async def read_keys(
    database: Database, intake: Intake, held: SourceLease, reading: SourceReading, query: str
) -> RoundResult:
    """Read all keys, and follow the rows that are not among them. Raises HisFault, LeaseLost, TooManyGone."""
    return await _KeysRound(database, intake, held, reading).run(query)


def until_night(facility: FacilityRow, now: int) -> int:
    """Return the seconds until the next round of keys."""
    local = facility.local(now)
    night = datetime(local.year, local.month, local.day, HOUR_OF_NIGHT, tzinfo=local.tzinfo)
    return int((night - local).total_seconds()) % int(timedelta(days=1).total_seconds()) or 86_400


@dataclass(frozen=True, slots=True)
class _KeysRound:
    database: Database
    intake: Intake
    held: SourceLease
    reading: SourceReading

    async def run(self, query: str) -> RoundResult:
        ledger = Ledger(self.held.facility_id, self.held.source, self.reading.read.name)
        keys, rows = await self._keys(query)
        missing: list[LedgerRow] = []
        back: list[str] = []
        async for page in ledger.pages(self.database):
            await self.database.write(extend, self.held)
            missing += [row for row in page if row.key not in keys and row.state != RowOutcome.GONE]
            back += [row.key for row in page if row.missed and row.key in keys]

        async def note_back(tx: Transaction) -> None:
            await ledger.note_met(tx, back)

        place = Disappeared(self.database, self.intake, self.reading, self.held, ledger)
        return RoundResult(rows=rows, gone=await follow_missing(place, missing, ("", ""), note_back))

    async def _keys(self, query: str) -> tuple[set[str], int]:
        """Return the keys that the ledger may have of the rows, and the number of rows."""
        read, tables = self.reading.read, self.reading.source.tables
        facility = facility_mapping(self.reading.facility)
        keys: set[str] = set()
        rows = 0
        async for batch in self.reading.snapshot.batches(query, {}):
            if absent := [name for name in read.columns_of.get("key", ()) if name not in batch[0]]:
                raise HisFault(FaultKind.COLUMN, absent[0])
            await self.database.write(extend, self.held)
            keys.update(key for row in batch for key in read.keys_of(row, tables, facility))
            rows += len(batch)
        return keys, rows
