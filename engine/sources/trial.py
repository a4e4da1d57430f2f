"""Tries a source: reads a day, makes records and checks them; stores and sends nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from adapters.his_database.connection import HisConnection, connected
from adapters.his_database.contract import Credentials
from adapters.his_database.faults import FaultKind, HisFault
from adapters.his_database.inspection import warnings, whole_tables
from adapters.messages import at, message
from engine.facilities.facilities import FacilityRow
from engine.intake.intake import Intake
from engine.intake.refusal_text import refusal_text
from engine.sources.records import SourceReading
from engine.specs.context import facility_mapping
from engine.specs.his_source import HisSource, Made, SourceRead
from engine.templates.template import TemplateError


@dataclass(frozen=True, slots=True)
class TriedRow:
    """A row, what it becomes, and what is wrong with that."""

    row: Mapping[str, Any]
    made: Made
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class TriedRead:
    """The result of one read; `fault` is why it could not be read."""

    read: str
    into: str
    rows: int = 0
    good: int = 0
    skipped: int = 0
    refused: int = 0
    seconds: float = 0.0
    fault: str = ""
    capped: bool = False  # further rows were left out
    warnings: list[str] = field(default_factory=list)
    examples: list[TriedRow] = field(default_factory=list)  # those with a problem first


@dataclass(frozen=True, slots=True)
class SourceTrial:
    """Tries the reads of a source at one clinic."""

    intake: Intake
    source: HisSource
    facility: FacilityRow
    credentials: Credentials
    day: date
    limit: int
    most: int | None = None  # rows of a read, after which the others are left out

    async def run(self, names: Sequence[str]) -> tuple[list[TriedRead], list[str]]:
        """Return the result of each read, and what is unwise about the connection. Raises HisFault."""
        async with connected(self.source.system, self.credentials) as connection:
            async with connection.snapshot(self.source.patience) as snapshot:
                unwise = await warnings(self.source.system, self.credentials, snapshot, self.source.status_table)
            return [await self._try(connection, self.source.reads[name]) for name in names], unwise

    async def _try(self, connection: HisConnection, read: SourceRead) -> TriedRead:
        tried, began = TriedRead(read.name, read.into), time.monotonic()
        try:
            await self._read(connection, read, tried)
        except HisFault as error:
            if error.kind is FaultKind.AWAY:
                raise
            tried.fault = str(error)
        except TemplateError as error:
            tried.fault = at(error.path, error.message)
        tried.seconds = time.monotonic() - began
        return tried

    async def _read(self, connection: HisConnection, read: SourceRead, tried: TriedRead) -> None:
        async with connection.snapshot(self.source.patience) as snapshot:
            reading = SourceReading(self.source, read, self.facility, snapshot)
            async for batch in reading.made(self.day, self.day):
                tried.rows += len(batch)
                await self._judge([(row, made) for row, several in batch for made in several], read, tried)
                if self.most is not None and tried.rows >= self.most:
                    tried.capped = True
                    break
            parameters = read.parameters(self.day, self.day, facility_mapping(self.facility))
            tables = await whole_tables(self.source.system, snapshot, read.query, parameters)
            tried.warnings += [message("source.whole_table", table=table) for table in tables]

    async def _judge(self, made: list[tuple[Mapping[str, Any], Made]], read: SourceRead, tried: TriedRead) -> None:
        records = [(row, one) for row, one in made if one.record is not None]
        refusals = await self.intake.check(self.facility, read.into, [one.record for _, one in records])
        problems = {refusal.index: refusal.problems for refusal in refusals}
        judged = [
            TriedRow(row, one, tuple(map(refusal_text, problems.get(index, ()))))
            for index, (row, one) in enumerate(records)
        ]
        judged += [TriedRow(row, one, (one.skipped,)) for row, one in made if one.skipped]
        judged += [TriedRow(row, one, (refusal_text(one.problem),)) for row, one in made if one.problem]
        tried.good += len(records) - len(problems)
        tried.skipped += sum(bool(one.made.skipped) for one in judged)
        tried.refused += len(problems) + sum(one.made.problem is not None for one in judged)
        tried.examples = sorted([*tried.examples, *judged], key=lambda one: not one.problems)[: self.limit]
