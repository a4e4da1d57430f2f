"""One round of a read by watermark: what has changed since the last one, by batches in the order of the mark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from adapters.his_database.connection import HisConnection
from adapters.his_database.faults import FaultKind, HisFault
from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.facilities.facilities import FacilityRow
from engine.intake.intake import Intake
from engine.sources import schedule
from engine.sources.gone import Disappeared, follow
from engine.sources.ledger import Ledger, RowOutcome
from engine.sources.marks import Scale, parsed, stored
from engine.sources.missing import check_number
from engine.sources.notes import Notes
from engine.sources.records import MarkedRow, SourceReading, counted, hand_in
from engine.sources.schedule import DueRound, RoundResult, SourceLease
from engine.specs import his_source
from engine.specs.context import facility_mapping
from engine.specs.his_source import HisSource, Mark, SourceRead, Watermark

MAX_BATCHES = 40  # after which the other reads of the source have their turn
# Before the first mark of a time whose kind is not known: a driver may take it in another zone than the column's.
DAY = timedelta(days=1)


@dataclass(slots=True)
class WatermarkRound:
    """A round that is running; `has_more` afterwards, if it was broken off to let others have their turn."""

    database: Database
    intake: Intake
    held: SourceLease
    due: DueRound
    connection: HisConnection
    source: HisSource
    read: SourceRead
    watermark: Watermark
    facility: FacilityRow
    has_more: bool = False
    _result: RoundResult = field(default_factory=RoundResult)

    @property
    def _ledger(self) -> Ledger:
        return Ledger(self.held.facility_id, self.source.name, self.read.name)

    @property
    def _scale(self) -> Scale:
        return Scale(self.watermark, self.facility)

    async def run(self) -> RoundResult:
        """Read all batches. Raises HisFault, LeaseLost, TooManyGone, TemplateError."""
        first = self.read.first_mark(date.fromisoformat(self.held.from_day), facility_mapping(self.facility))
        reached = parsed(self.due.mark) if self.due.mark else None
        if isinstance(reached, int) != isinstance(first, int):  # the read has another column now
            reached = None
        since, size = self._begin(first, reached), his_source.MARK_ROWS
        batches, last = 0, reached
        while True:
            async with self.connection.snapshot(self.source.patience) as snapshot:
                reading = SourceReading(self.source, self.read, self.facility, snapshot)
                rows = await reading.marked(since, size)
            if rows:
                self._expect_kind(first, rows[0].mark)
                last = self._later(last, rows[-1].mark)
                await self._take(reading, self._from(first, rows), last)
            if len(rows) < size:
                return self._result
            batches += 1
            # All rows of a batch may have the same mark: then only a larger one goes beyond it.
            is_stuck = self._scale.at(rows[-1].mark) == self._scale.at(since)
            since, size = rows[-1].mark, 2 * size if is_stuck else his_source.MARK_ROWS
            if batches >= MAX_BATCHES and self._is_beyond(since, reached):
                self.has_more = True
                return self._result

    def _begin(self, first: Mark, reached: Mark | None) -> Mark:
        if reached is not None:
            return self._scale.begin(reached, self.database.clock())
        return first - DAY if isinstance(first, datetime) else first

    def _expect_kind(self, first: Mark, mark: Mark) -> None:
        """Raise HisFault if the column has numbers where the read begins with a time, or the other way round."""
        if isinstance(first, int) != isinstance(mark, int):
            raise HisFault(FaultKind.MARK, self.watermark.column)

    def _later(self, one: Mark | None, other: Mark) -> Mark:
        return other if one is None else max(one, other, key=self._scale.at)

    def _from(self, first: Mark, rows: Sequence[MarkedRow]) -> list[MarkedRow]:
        border = self._scale.at(first)
        return [one for one in rows if self._scale.at(one.mark) >= border]

    def _is_beyond(self, mark: Mark, reached: Mark | None) -> bool:
        """Return whether the next round may begin here: else it would read the same once more, and no further."""
        if self._scale.is_ahead(mark, self.database.clock()):
            return False
        return reached is None or self._scale.at(mark) > self._scale.at(reached)

    async def _take(self, reading: SourceReading, rows: Sequence[MarkedRow], last: Mark) -> None:
        made = {one.key: one for row in rows for one in row.made}
        handed = await hand_in(self.intake, self.facility, self.read.into, list(made.values()), None)
        await self._follow(reading, [one.key for one in made.values() if one.gone])

        async def move(tx: Transaction) -> None:
            await schedule.move_mark(tx, self.due, stored(last))

        await Notes(self.database, self.held, self._ledger).note("", handed, {}, move)
        self._result = self._result.plus(counted(len(rows), handed))

    async def _follow(self, reading: SourceReading, keys: Sequence[str]) -> None:
        """Follow the rows that say that they were deleted; the mark moves after that."""
        known = (await self._ledger.of_keys(self.database, keys)).values()
        left = [row for row in known if row.state != RowOutcome.GONE]
        taken = [row for row in left if row.record_key is not None]
        place = Disappeared(self.database, self.intake, reading, self.held, self._ledger)
        await check_number(place, self._result.gone + len(taken), ("", ""))
        await self.database.write(self._forget, [row.key for row in left if row.record_key is None])
        self._result = self._result.plus(RoundResult(gone=await follow(place, taken)))

    async def _forget(self, tx: Transaction, keys: Sequence[str]) -> None:
        await self._ledger.remove(tx, keys)
