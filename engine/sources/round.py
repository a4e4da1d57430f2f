"""One round of a read: its days one by one, the newest first, and at the end what has disappeared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.delivery.status import Lane
from engine.facilities.facilities import FacilityRow
from engine.intake.intake import Intake
from engine.sources import schedule
from engine.sources.gone import Disappeared
from engine.sources.ledger import Ledger, LedgerRow, RowOutcome
from engine.sources.missing import follow_missing
from engine.sources.notes import Notes
from engine.sources.records import DayRows, SourceReading, counted, hand_in
from engine.sources.schedule import DueRound, RoundResult, SourceKey, SourceLease, extend
from engine.specs.his_source import SourceRead

WHOLE_MS = 1_800_000  # after which all rows of a day are handed in again, changed or not
MAX_KNOWN_ROWS = 50_000  # of a source, in the memory of one process
KEEP_MS = 10_000  # between two extensions of the lease while no rows come


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a round; None: the read has no days."""

    first: date
    last: date

    def days(self, place: str = "") -> Iterator[date]:
        """Yield the days from the last to the first; `place` is the earliest that has been read already."""
        day = date.fromisoformat(place) - timedelta(days=1) if place else self.last
        while day >= self.first:
            yield day
            day -= timedelta(days=1)


class _KnownDay(NamedTuple):
    """Rows of a day that were taken, by which read and clinic, and when all of them were handed in."""

    read: SourceRead
    facility: FacilityRow
    whole_at: int
    rows: Mapping[bytes, Sequence[str]]


class KnownRows:
    """Rows of the hottest windows as this process has taken them; nothing of their content is kept but a digest.

    Valid as long as no other process reads the source. After WHOLE_MS all rows are handed in once more, because a
    record may have been changed in another way.
    """

    def __init__(self) -> None:
        self._days: dict[SourceKey, dict[tuple[str, str], _KnownDay]] = {}

    def forget(self, source: SourceKey, read: str | None = None) -> None:
        """Forget the rows of a source, or of one of its reads: something else has handed some of them in."""
        days = self._days.get(source, {})
        for one in [one for one in days if read in (None, one[0])]:
            del days[one]

    def take(self, source: SourceKey, reading: SourceReading, day: str, now: int) -> _KnownDay:
        """Return and forget the rows of a day; those of an earlier configuration, or too old ones, are none."""
        found = self._days.get(source, {}).pop((reading.read.name, day), None)
        is_valid = found is not None and found.read is reading.read and found.facility == reading.facility
        if found is None or not is_valid or now - found.whole_at >= WHOLE_MS:
            return _KnownDay(reading.read, reading.facility, now, {})
        return found

    def put(self, source: SourceKey, day: str, known: _KnownDay, first: str) -> None:
        """Keep the rows of a day that was read to its end, and none of days before the first of the window."""
        days = self._days.setdefault(source, {})
        for name, other in [one for one in days if one[0] == known.read.name and one[1] < first]:
            del days[name, other]
        if day >= first and sum(len(one.rows) for one in days.values()) < MAX_KNOWN_ROWS:
            days[known.read.name, day] = known


@dataclass(slots=True)
class Round:
    """A round that is running."""

    database: Database
    intake: Intake
    held: SourceLease
    due: DueRound
    reading: SourceReading
    span: Span | None
    lane: Lane | None = None
    known_rows: KnownRows = field(default_factory=KnownRows)
    _result: RoundResult = field(default_factory=RoundResult)
    # Rows of the ledger that were not read on their last day, and keys that were read on another one.
    _missing: dict[str, LedgerRow] = field(default_factory=dict)
    _elsewhere: set[str] = field(default_factory=set)
    _kept_at: int = 0

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.held.facility_id, self.held.source, self.reading.read.name)

    async def run(self) -> RoundResult:
        """Read all days and follow what has disappeared. Raises HisFault, LeaseLost, TooManyGone, TemplateError."""
        for day in self.span.days(self.due.place) if self.span else (None,):
            await self._keep_lease()
            await self._read(day)
            if self.due.first_day and day is not None:
                await schedule.advance(self.database, self.held, self.due, day.isoformat())
        if not self.due.first_day:  # what a person asks for once is no round in a row
            await self._follow_missing()
        return self._result

    async def _keep_lease(self) -> None:
        """Extend the lease now and then: days without rows would let it end."""
        now = self.database.clock()
        if now - self._kept_at >= KEEP_MS:
            await self.database.write(extend, self.held)
            self._kept_at = now

    async def _read(self, day: date | None) -> None:
        words = "" if day is None else day.isoformat()
        known = await self.ledger.of_day(self.database, words)
        source = SourceKey(self.held.facility_id, self.held.source)
        before = self.known_rows.take(source, self.reading, words, self.database.clock())
        rows = DayRows(before.rows, lambda key: (row := known.get(key)) is not None and _is_settled(row))
        seen: set[str] = set()
        span = (day, day) if day is not None else (date.min, date.max)
        async for batch in self.reading.made(*span, rows):
            made = {one.key: one for _, several in batch for one in several}
            handed = await hand_in(
                self.intake, self.reading.facility, self.reading.read.into, list(made.values()), self.lane
            )
            self._elsewhere |= await Notes(self.database, self.held, self.ledger).note(words, handed, known)
            self._result = self._result.plus(counted(len(batch), handed))
            rows.keep([several for _, several in batch], handed)
            seen |= made.keys()
        self.known_rows.put(source, words, before._replace(rows=rows.rows), self._hot_since)
        self._missing |= {key: row for key, row in known.items() if key not in seen and row.state != RowOutcome.GONE}

    @property
    def _hot_since(self) -> str:
        """Return the first day of the hottest window."""
        hottest = self.reading.read.windows[0].days
        today = self.reading.facility.local(self.database.clock()).date()
        return (today - timedelta(days=hottest - 1)).isoformat()

    async def _follow_missing(self) -> None:
        first, last = (self.span.first.isoformat(), self.span.last.isoformat()) if self.span else ("", "")
        missing = [row for key, row in self._missing.items() if key not in self._elsewhere and row.first_day >= first]
        place = Disappeared(self.database, self.intake, self.reading, self.held, self.ledger)
        gone = await follow_missing(place, missing, (first, last), self._forget)
        self._result = self._result.plus(RoundResult(gone=gone))

    async def _forget(self, tx: Transaction) -> None:
        if self.span and self.due.days == self.reading.read.widest:
            await self.ledger.forget_before(tx, self.span.first.isoformat())


def _is_settled(row: LedgerRow) -> bool:
    return row.state == RowOutcome.TAKEN and not row.missed
