"""Takes over what an older bridge has done: the ids that it stored in the clinic's database, and the mapped codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from adapters.his_database.connection import HisConnection, Snapshot, connected
from adapters.his_database.contract import Credentials
from adapters.his_database.faults import FaultKind, HisFault
from adapters.messages import at
from engine.facilities.facilities import FacilityRow
from engine.intake.intake import Intake, Refused
from engine.sources.records import SourceReading
from engine.specs.context import facility_mapping
from engine.specs.his_source import Adoption, HisSource, SourceRead
from engine.templates.template import TemplateError

MAX_NAMED = 10  # keys of each kind that a result names


@dataclass(slots=True)
class AdoptedIds:
    """The account of one section of `adopt`; `fault` is why it could not be read."""

    name: str
    into: str
    ids: int = 0  # that the database has
    taken: int = 0  # stored as sent under their id, or to be stored
    before: int = 0  # records that Antar had before: they are as they were
    without: int = 0  # ids to which no record belongs: their row is skipped, faulty, or not there
    refused: int = 0  # records that the entry refuses
    fault: str = ""
    named: list[str] = field(default_factory=list)  # keys of the last two, the first of them

    def name_key(self, key: str) -> None:
        if len(self.named) < MAX_NAMED:
            self.named.append(key)


@dataclass(frozen=True, slots=True)
class SourceAdoption:
    """Adopts the ids of a source at one clinic, for visits of the days from `first` to `last`."""

    intake: Intake
    source: HisSource
    facility: FacilityRow
    credentials: Credentials
    first: date
    last: date
    actor: str
    dry_run: bool

    async def run(self) -> list[AdoptedIds]:
        """Return the account of each section. Raises HisFault if nothing can be read."""
        async with connected(self.source.system, self.credentials) as connection:
            # As reads: what others need comes first.
            order = list(self.source.reads)
            sections = sorted(self.source.adopt.values(), key=lambda one: order.index(one.read))
            return [await self._section(connection, section) for section in sections]

    async def _section(self, connection: HisConnection, section: Adoption) -> AdoptedIds:
        read = self.source.reads[section.read]
        account = AdoptedIds(section.name, read.into)
        try:
            async with connection.snapshot(self.source.patience) as snapshot:
                for day in self._days(read):
                    await self._day(snapshot, section, read, day, account)
        except HisFault as error:
            if error.kind is FaultKind.AWAY:
                raise
            account.fault = str(error)
        except TemplateError as error:
            account.fault = at(error.path, error.message)
        return account

    def _days(self, read: SourceRead) -> Iterator[date]:
        if read.by == "all":
            yield self.first
            return
        for n in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=n)

    async def _day(
        self, snapshot: Snapshot, section: Adoption, read: SourceRead, day: date, account: AdoptedIds
    ) -> None:
        ids = await self._ids(snapshot, section, read, day)
        account.ids += len(ids)
        if not ids:
            return
        records = await self._records(snapshot, read, day, ids)
        for key, _ in ids:
            if key not in records:
                account.without += 1
                account.name_key(key)
        matched = {key: reference for key, reference in ids if key in records}
        await self._store(read.into, [(records[key], reference) for key, reference in matched.items()], account)

    async def _ids(
        self, snapshot: Snapshot, section: Adoption, read: SourceRead, day: date
    ) -> Sequence[tuple[str, str]]:
        facility = facility_mapping(self.facility)
        rows = await snapshot.rows(section.query, read.parameters(day, day, facility))
        return [pair for row in rows for pair in section.ids(row, self.source.tables, facility)]

    async def _records(
        self, snapshot: Snapshot, read: SourceRead, day: date, ids: Sequence[tuple[str, str]]
    ) -> Mapping[str, dict[str, Any]]:
        wanted = {key for key, _ in ids}
        records = {}
        async for batch in SourceReading(self.source, read, self.facility, snapshot).made(day, day):
            for made in (one for _, several in batch for one in several):
                if made.record is not None and made.key in wanted:
                    records[made.key] = made.record
        return records

    async def _store(self, into: str, pairs: Sequence[tuple[dict[str, Any], str]], account: AdoptedIds) -> None:
        if not pairs:
            return
        records = [record for record, _ in pairs]
        if self.dry_run:
            refused = await self.intake.check(self.facility, into, records)
            account.refused += len(refused)
            account.taken += len(pairs) - len(refused)
            return
        references = [reference for _, reference in pairs]
        for result in await self.intake.adopt(self.facility, into, records, references, self.actor):
            if isinstance(result, Refused):
                account.refused += 1
                account.name_key(result.key or "?")
            elif result is None:
                account.before += 1
            else:
                account.taken += 1


async def mapped_codes(source: HisSource, credentials: Credentials, mapping: str) -> list[tuple[str, str]]:
    """Return (key of the item, code) as the clinic has mapped them in its own system. Raises HisFault."""
    async with connected(source.system, credentials) as connection, connection.snapshot(source.patience) as snapshot:
        rows = await snapshot.rows(source.codes[mapping], {})
    pairs = [(str(row.get("key") or "").strip(), str(row.get("code") or "").strip()) for row in rows]
    return [(key, code) for key, code in pairs if key and code not in ("", "-")]
