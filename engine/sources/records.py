"""Turns the rows of one query into records and hands them in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from adapters.his_database.connection import Row, Snapshot
from adapters.his_database.faults import FaultKind, HisFault
from adapters.messages import at, together
from engine.delivery.status import Lane
from engine.delivery.types import Added
from engine.facilities.facilities import FacilityRow
from engine.failpoints import failpoint
from engine.intake.intake import Accepted, Intake
from engine.sources.ledger import ReadRow, RowOutcome
from engine.specs.context import facility_mapping
from engine.specs.his_source import HisSource, Made, SourceRead
from engine.time_slice import TimeSlice

BATCH_RECORDS = 500  # that are handed in at once


@dataclass(frozen=True, slots=True)
class SourceReading:
    """A read of a source at one clinic, in one snapshot of its database."""

    source: HisSource
    read: SourceRead
    facility: FacilityRow
    snapshot: Snapshot

    async def made(self, first: date, last: date) -> AsyncIterator[list[tuple[Row, list[Made]]]]:
        """Yield batches of rows of these days, each with what it becomes. Raises HisFault, TemplateError."""
        facility = facility_mapping(self.facility)
        parameters = self.read.parameters(first, last, facility)
        groups = [
            (name, further.on, await self._grouped(further.on, further.query, parameters))
            for name, further in self.read.further.items()
        ]
        pause = TimeSlice()
        async for rows in self.snapshot.batches(self.read.query, parameters):
            self._check_columns(rows[0], [on for _, on, _ in groups])
            batch = []
            for row in rows:
                await pause.pause()
                further = {name: group.get(str(row[on]), []) for name, on, group in groups}
                batch.append((row, list(self.read.made(row, further, self.source.tables, facility))))
            yield batch

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
    rows = [ReadRow(one.key, RowOutcome.SKIPPED, problem=one.skipped) for one in made if one.skipped]
    rows += [
        ReadRow(one.key, RowOutcome.REFUSED, problem=at(one.problem.path, one.problem.message))
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
                words = together([at(problem.path, problem.message) for problem in result.problems])
                rows.append(ReadRow(one.key, RowOutcome.REFUSED, problem=words))
    return HandedIn(rows, new, unchanged)


def _batches(made: Sequence[Made]) -> Iterator[Sequence[Made]]:
    for start in range(0, len(made), BATCH_RECORDS):
        yield made[start : start + BATCH_RECORDS]
