"""Looks at a clinic's database before it is read: whether it opens, its tables, and how many rows there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from adapters.his_database.connection import HisConnection, connected
from adapters.his_database.contract import Credentials
from adapters.his_database.faults import FaultKind, HisFault
from adapters.his_database.inspection import count, look_at, warnings
from engine.facilities.facilities import FacilityRow
from engine.specs.context import facility_mapping
from engine.specs.his_source import HisSource, SourceRead
from engine.templates.template import TemplateError

OF_ONE_TABLE = {FaultKind.RIGHT, FaultKind.TABLE}
UNCOUNTED = {FaultKind.SLOW, FaultKind.QUERY}  # faults of a count that say nothing of the read itself


@dataclass(frozen=True, slots=True)
class Examined:
    """A connection that opens: what is unwise about it, and the tables that cannot be read, as messages for people."""

    readable: int
    unreadable: tuple[str, ...]
    unwise: tuple[str, ...]


class Estimate(NamedTuple):
    """Rows that a read would bring (None: not counted), each of which becomes up to `records_per_row` records."""

    read: str
    into: str
    rows: int | None
    records_per_row: int
    fault: str = ""

    @property
    def most(self) -> int | None:
        """Return the number of records that there are at most."""
        return None if self.rows is None else self.rows * self.records_per_row


async def examine(source: HisSource, credentials: Credentials) -> Examined:
    """Open the database and look at each table that the source reads. Raises HisFault."""
    async with connected(source.system, credentials) as connection:
        async with connection.snapshot(source.patience) as snapshot:
            unwise = await warnings(source.system, credentials, snapshot)
        unreadable = [fault async for fault in _unreadable(source, connection)]
    return Examined(len(source.grants) - len(unreadable), tuple(unreadable), tuple(unwise))


async def _unreadable(source: HisSource, connection: HisConnection) -> AsyncIterator[str]:
    for table in source.grants:
        try:  # in a snapshot each: PostgreSQL answers nothing more after a fault
            async with connection.snapshot(source.patience) as snapshot:
                await look_at(source.system, snapshot, table)
        except HisFault as error:
            if error.kind not in OF_ONE_TABLE:
                raise
            yield str(error)


def first_read(read: SourceRead, from_day: date, today: date) -> date:
    """Return the first day that the windows of a read reach if it is read from a day on."""
    return max(from_day, today - timedelta(days=read.widest - 1))


async def estimates(
    source: HisSource, facility: FacilityRow, credentials: Credentials, from_day: date, today: date
) -> list[Estimate]:
    """Return for each read how many rows it would bring if it were read from that day on. Raises HisFault."""
    async with connected(source.system, credentials) as connection:
        return [await _estimate(source, read, facility, connection, from_day, today) for read in source.reads.values()]


async def _estimate(
    source: HisSource, read: SourceRead, facility: FacilityRow, connection: HisConnection, from_day: date, today: date
) -> Estimate:
    rows, fault = None, ""
    try:
        parameters = read.parameters(first_read(read, from_day, today), today, facility_mapping(facility))
        async with connection.snapshot(source.patience) as snapshot:
            rows = await count(snapshot, read.query, parameters)
    except TemplateError as error:
        fault = error.message
    except HisFault as error:
        if error.kind not in UNCOUNTED | OF_ONE_TABLE | {FaultKind.COLUMN}:
            raise
        fault = "" if error.kind in UNCOUNTED else str(error)
    return Estimate(read.name, read.into, rows, max(1, len(read.each)), fault)


def total(found: list[Estimate]) -> int:
    """Return the most records that all reads together would bring."""
    return sum(one.most or 0 for one in found)
