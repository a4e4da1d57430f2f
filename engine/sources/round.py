"""One round of a read: its days one by one, the newest first, and at the end what has disappeared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from engine.database.database import Database
from engine.database.transaction import Transaction
from engine.delivery.status import Lane
from engine.failpoints import failpoint
from engine.intake.intake import Intake
from engine.sources import schedule
from engine.sources.gone import Disappeared, follow
from engine.sources.ledger import Ledger, LedgerRow, ReadRow, RowOutcome, differs
from engine.sources.records import HandedIn, SourceReading, hand_in
from engine.sources.restored import send_again
from engine.sources.schedule import DueRound, RoundResult, SourceLease, extend

MANY_GONE = 20  # rows that may disappear at once, whatever their part
MANY_GONE_PART = 10  # of so many rows one may disappear at once
KEEP_MS = 10_000  # between two extensions of the lease while no rows come
ROUNDS_WITHOUT = 2  # complete rounds in a row without a row, after which it has disappeared


class TooManyGone(Exception):
    """So many rows have disappeared at once that the database is probably a wrong, emptied or restored one."""

    def __init__(self, gone: int, of: int) -> None:
        super().__init__(f"{gone} of {of} rows")
        self.gone, self.of = gone, of


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
        seen: set[str] = set()
        span = (day, day) if day is not None else (date.min, date.max)
        async for batch in self.reading.made(*span):
            made = {one.key: one for _, several in batch for one in several}
            handed = await hand_in(
                self.intake, self.reading.facility, self.reading.read.into, list(made.values()), self.lane
            )
            await self._note(words, handed, known)
            self._count(len(batch), handed)
            seen |= made.keys()
        self._missing |= {key: row for key, row in known.items() if key not in seen and row.state != RowOutcome.GONE}

    async def _note(self, day: str, handed: HandedIn, known: Mapping[str, LedgerRow]) -> None:
        """Store in the ledger what has changed; the lease is extended in any case."""
        strangers = [row.key for row in handed.rows if row.key not in known]
        others = await self.ledger.of_keys(self.database, strangers)
        self._elsewhere |= others.keys()
        before = {**known, **others}
        changed = [row for row in handed.rows if (old := before.get(row.key)) is None or differs(row, day, old)]
        await self.database.write(self._store, day, changed, before)
        failpoint("source_noted")
        again = [key for row in changed if (key := row.key) in handed.unchanged and _was_gone(before.get(key))]
        await send_again(self.database, self.held.facility_id, [handed.unchanged[key] for key in again])

    async def _store(self, tx: Transaction, day: str, rows: list[ReadRow], before: Mapping[str, LedgerRow]) -> None:
        await extend(tx, self.held)
        await self.ledger.store(tx, day, rows, before)

    def _count(self, rows: int, handed: HandedIn) -> None:
        states = Counter(row.state for row in handed.rows)
        counts = RoundResult(rows, handed.new, states[RowOutcome.SKIPPED], states[RowOutcome.REFUSED])
        self._result = self._result.plus(counts)

    async def _follow_missing(self) -> None:
        first = self.span.first.isoformat() if self.span else ""
        missing = [row for key, row in self._missing.items() if key not in self._elsewhere and row.first_day >= first]
        await self._check_number(sum(row.missed == 0 for row in missing))
        taken = [row for row in missing if row.record_key is not None]
        ended = [row for row in taken if row.missed + 1 >= ROUNDS_WITHOUT]
        await self.database.write(self._store_missing, taken, [row.key for row in missing if row.record_key is None])
        if ended:
            gone = Disappeared(self.database, self.intake, self.reading, self.held, self.ledger)
            self._result = self._result.plus(RoundResult(gone=await follow(gone, ended)))

    async def _check_number(self, gone: int) -> None:
        if gone <= MANY_GONE or self.held.agreed_until > self.database.clock():
            return
        first, last = (self.span.first.isoformat(), self.span.last.isoformat()) if self.span else ("", "")
        of = await self.ledger.number(self.database, first, last)
        if gone * MANY_GONE_PART > of:
            raise TooManyGone(gone, of)

    async def _store_missing(self, tx: Transaction, taken: list[LedgerRow], never: list[str]) -> None:
        await extend(tx, self.held)
        await self.ledger.note_missing(tx, [row.key for row in taken])
        await self.ledger.remove(tx, never)
        if self.span and self.due.days == self.reading.read.widest:
            await self.ledger.forget_before(tx, self.span.first.isoformat())


def _was_gone(row: LedgerRow | None) -> bool:
    return row is not None and row.state == RowOutcome.GONE
