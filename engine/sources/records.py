"""Turns the rows of one query into records and hands them in."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import orjson

from adapters.his_database.connection import Row, Snapshot
from adapters.his_database.faults import FaultKind, HisFault
from adapters.messages import together
from engine.delivery.status import Lane
from engine.delivery.types import Added
from engine.facilities.facilities import FacilityRow
from engine.failpoints import failpoint
from engine.intake.intake import Accepted, Intake
from engine.intake.refusal_text import refusal_text
from engine.sources.ledger import ReadRow, RowOutcome
from engine.sources.marks import Scale, mark_of
from engine.sources.schedule import RoundResult
from engine.specs.context import facility_mapping
from engine.specs.his_source import MARK_ROWS, HisSource, Made, Mark, SourceRead
from engine.time_slice import TimeSlice

BATCH_RECORDS = 500  # that are handed in at once

_Group = tuple[str, str, dict[str, list[Row]]]  # name of `with`, the column `on`, and the rows by its values


class DayRows:
    """Rows of a day that were taken: what is the same in the next round need not be made and handed in again.

    `earlier` are those of the round before; `is_taken` tells if the ledger has a key as taken and not missed.
    """

    def __init__(self, earlier: Mapping[bytes, Sequence[str]], is_taken: Callable[[str], bool]) -> None:
        self._earlier, self._is_taken = earlier, is_taken
        self._batch: list[bytes | None] = []
        self.rows: dict[bytes, Sequence[str]] = {}

    def unchanged(self, row: Row, further: Mapping[str, Sequence[Row]]) -> Sequence[str]:
        """Return the keys of a row that was taken as it is; nothing if it has to be made."""
        digest = _digest(row, further)
        self._batch.append(digest)
        keys = self._earlier.get(digest, ()) if digest is not None else ()
        return keys if all(map(self._is_taken, keys)) else ()

    def keep(self, made: Sequence[Sequence[Made]], handed: HandedIn) -> None:
        """Remember the rows of a batch all of whose records were taken."""
        taken = {row.key for row in handed.rows if row.state == RowOutcome.TAKEN}
        for digest, several in zip(self._batch, made, strict=True):
            if digest is not None and several and all(one.unchanged or one.key in taken for one in several):
                self.rows[digest] = [one.key for one in several]
        self._batch.clear()


def _digest(row: Row, further: Mapping[str, Sequence[Row]]) -> bytes | None:
    """Return a digest of a row and its further rows; None of values that JSON does not have."""
    try:
        return hashlib.blake2b(orjson.dumps([row, further]), digest_size=16).digest()
    except TypeError:
        return None


class MarkedRow(NamedTuple):
    """A row of a read by watermark, with what it becomes and its mark."""

    row: Row
    made: list[Made]
    mark: Mark


@dataclass(frozen=True, slots=True)
class SourceReading:
    """A read of a source at one clinic, in one snapshot of its database."""

    source: HisSource
    read: SourceRead
    facility: FacilityRow
    snapshot: Snapshot

    async def made(
        self, first: date, last: date, known: DayRows | None = None
    ) -> AsyncIterator[list[tuple[Row, list[Made]]]]:
        """Yield batches of rows of these days, each with what it becomes. Raises HisFault, TemplateError.

        What `known` has is not made again.
        Of a read by watermark it is one batch, of what has changed since the first day.
        """
        facility = facility_mapping(self.facility)
        if self.read.watermark is not None:
            marked = await self.marked(self.read.first_mark(first, facility), MARK_ROWS)
            yield [(one.row, one.made) for one in marked]
            return
        parameters = self.read.parameters(first, last, facility)
        groups = [
            (name, further.on, await self._grouped(further.on, further.query, parameters))
            for name, further in self.read.further.items()
        ]
        async for rows in self.snapshot.batches(self.read.query, parameters):
            yield [(row, made) async for row, made in self._made(rows, groups, facility, known)]

    async def marked(self, since: Mark, size: int) -> list[MarkedRow]:
        """Return at most `size` rows that have changed since a mark, in its order. Raises HisFault, TemplateError."""
        watermark = self.read.watermark
        if watermark is None:
            raise ValueError(f"{self.read.name} is not read by watermark")
        facility = facility_mapping(self.facility)
        found = await self.snapshot.valued(self.read.query, {"since": since, "limit": size}, watermark.column)
        if not found:
            return []
        scale = Scale(watermark, self.facility)
        marks = scale.ordered([mark_of(value, watermark.column) for _, value in found])
        within = {"since": marks[0], "until": marks[-1]}
        groups = [
            (name, further.on, await self._grouped(further.on, further.query, within))
            for name, further in self.read.further.items()
        ]
        made = [one async for _, one in self._made([row for row, _ in found], groups, facility)]
        return [MarkedRow(row, one, mark) for (row, _), one, mark in zip(found, made, marks, strict=True)]

    async def _made(
        self,
        rows: Sequence[Row],
        groups: Sequence[_Group],
        facility: Mapping[str, Any],
        known: DayRows | None = None,
    ) -> AsyncIterator[tuple[Row, list[Made]]]:
        self._check_columns(rows[0], [on for _, on, _ in groups])
        pause = TimeSlice()
        for row in rows:
            await pause.pause()
            further = {name: group.get(str(row[on]), []) for name, on, group in groups}
            keys = known.unchanged(row, further) if known is not None else ()
            if keys:
                yield row, [Made(key, unchanged=True) for key in keys]
            else:
                yield row, list(self.read.made(row, further, self.source.tables, facility))

    async def _grouped(self, on: str, query: str, parameters: Mapping[str, Any]) -> dict[str, list[Row]]:
        groups: dict[str, list[Row]] = {}
        for row in await self.snapshot.rows(query, parameters):
            if on not in row:
                raise HisFault(FaultKind.COLUMN, on)
            groups.setdefault(str(row[on]), []).append(row)
        return groups

    def _check_columns(self, row: Row, joined: Sequence[str]) -> None:
        missing = [name for name in (*self.read.columns, *joined) if name not in row]
        if missing:
            raise HisFault(FaultKind.COLUMN, missing[0])


@dataclass(frozen=True, slots=True)
class HandedIn:
    """Outcomes of the rows of a batch; `new` counts the records that were new or changed."""

    rows: list[ReadRow]
    new: int
    # Deliveries whose content is unchanged, by the key of their row.
    unchanged: Mapping[str, int]


async def hand_in(
    intake: Intake, facility: FacilityRow, into: str, made: Sequence[Made], lane: Lane | None
) -> HandedIn:
    """Hand in the records made of rows. `lane` is None for today's and the backfill's, by the date of the record."""
    failpoint("source_made")
    rows = [ReadRow(one.key, RowOutcome.SKIPPED, problem=one.skipped) for one in made if one.skipped]
    rows += [
        ReadRow(one.key, RowOutcome.REFUSED, problem=refusal_text(one.problem))
        for one in made
        if one.problem is not None
    ]
    new, unchanged = 0, {}
    for batch in _batches([one for one in made if one.record is not None]):
        results = await intake.hand_in(facility, into, [one.record for one in batch], lane)
        failpoint("source_handed_in")
        for one, result in zip(batch, results, strict=True):
            if isinstance(result, Accepted):
                new += result.outcome != Added.UNCHANGED
                if result.outcome == Added.UNCHANGED:
                    unchanged[one.key] = result.id
                rows.append(ReadRow(one.key, RowOutcome.TAKEN, result.key))
            else:
                words = together([refusal_text(problem) for problem in result.problems])
                rows.append(ReadRow(one.key, RowOutcome.REFUSED, problem=words))
    return HandedIn(rows, new, unchanged)


def counted(rows: int, handed: HandedIn) -> RoundResult:
    """Return the counts of a batch of so many rows."""
    states = Counter(row.state for row in handed.rows)
    return RoundResult(rows, handed.new, states[RowOutcome.SKIPPED], states[RowOutcome.REFUSED])


def _batches(made: Sequence[Made]) -> Iterator[Sequence[Made]]:
    for start in range(0, len(made), BATCH_RECORDS):
        yield made[start : start + BATCH_RECORDS]
