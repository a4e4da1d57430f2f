"""Has code lists read: by schedule, when their file changed or when asked, to be resumed by any worker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection

from adapters.base import Account, Upstream
from engine.catalog.catalog import Catalog
from engine.code_lists import copies
from engine.code_lists.copies import SyncLease
from engine.code_lists.probe import ListProbe
from engine.code_lists.reader import Place, Reading, Sleep, read_file
from engine.code_lists.schedule import (
    LastRead,
    LastReads,
    credential_changes,
    is_due,
    last_reads,
    postpone,
    read_again,
    retry_at,
)
from engine.database.database import Database
from engine.errors import AntarError
from engine.facilities.credentials import Accounts
from engine.facilities.facilities import FacilityRow, all_facilities
from engine.specs.code_list import SHARED, CodeList, NotAsked, NotReadable, Reads, Row

SCHEDULE = "jadwal"  # who asks when nobody does
SOURCE_PAUSE_MS = 2_000  # until it is looked again whether the list over whose rows another is read is there


# Returns what to do in the transaction that puts a new copy of a list (name, owner) in place.
AfterCopy = Callable[[str, int], Sequence[Callable[[Connection], object]]]


class WaitsForSource(AntarError):
    """The list over whose rows it is read is being read."""


log = structlog.get_logger(__name__)


class Synchroniser:
    """One per worker; several never read the same list of a facility at once."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        accounts: Accounts,
        upstream: Callable[[str], Upstream],
        after_copy: AfterCopy,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._accounts = accounts
        self._upstream = upstream
        self._after_copy = after_copy
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self._probe = ListProbe(database)

    async def tick(self) -> None:
        """Begin what is due, and read until nothing is left; each upstream's lists beside those of the others."""
        lists: dict[str, list[CodeList]] = {}
        for code_list in self._catalog().code_lists.values():
            lists.setdefault(code_list.upstream.name, []).append(code_list)
        async with asyncio.TaskGroup() as upstreams:
            for of_upstream in lists.values():
                upstreams.create_task(self._read_upstream(of_upstream))
        if lists:
            await self._read_all()

    async def read(self, held: SyncLease) -> None:
        """Go on where it was left, to the end; the old copy stays where that cannot be reached."""
        try:
            reached = await self._read(held)
            if reached is not None:
                await copies.finish(self._database, reached, self._after_copy(held.list, held.facility_id))
        except WaitsForSource:
            await postpone(self._database, held.id, self._database.clock() + SOURCE_PAUSE_MS)
        except NotAsked as error:
            await copies.give_up(self._database, held, str(error), retry_at=error.until, tried=False)
        except AntarError as error:
            log.warning("list_not_read", list=held.list, facility=held.facility_id)
            again = retry_at(self._database.clock(), held.tries + 1, self._rng)
            await copies.give_up(self._database, held, str(error), retry_at=again)
        except asyncio.CancelledError:
            await copies.release(self._database, held)
            raise

    async def one(self, code_list: CodeList, facility: FacilityRow, key: str) -> Row | None:
        """A row that the copy does not have, asked for alone and put into it. Raises AntarError."""
        row = await (await self._place(code_list, [facility])).one(key)
        if row is not None:
            await copies.add_row(self._database, code_list.owner(facility.id), code_list.name, row)
        return row

    async def _read_upstream(self, lists: Sequence[CodeList]) -> None:
        """Read one after the other; what is read over another follows it at once. Each begins once at most."""
        begun: set[tuple[int, str]] = set()
        anything = True
        while anything:
            await self._begin_due(lists, begun)
            anything = await self._read_all([code_list.name for code_list in lists])

    async def _read_all(self, lists: Collection[str] | None = None) -> bool:
        """Whether there was anything; without `lists` whatever is left, as of lists that are declared no more."""
        anything = False
        while (held := await copies.take(self._database, lists)) is not None:
            anything = True
            await self.read(held)
        return anything

    async def _read(self, held: SyncLease) -> SyncLease | None:
        """How far it got; None: another worker has it now."""
        code_list = self._catalog().code_lists.get(held.list)
        if code_list is None:
            raise NotReadable("Daftar ini tidak ada lagi dalam konfigurasi.")
        if isinstance(code_list.source, Path):
            return await read_file(self._database, held, code_list, code_list.source)
        facilities = await all_facilities(self._database)
        place = await self._place(code_list, [row for row in facilities if held.facility_id in (SHARED, row.id)])
        items = await self._items(held, code_list.source, place.facility)
        reading = Reading(self._database, held, place, code_list.source, items)
        async with self._probe.through(place) as answered:
            return reading.held if await reading.run(answered) else None

    async def _begin_due(self, lists: Sequence[CodeList], begun: set[tuple[int, str]]) -> None:
        """Each list once for each `begun`."""
        last, entered = await last_reads(self._database), await credential_changes(self._database)
        now, facilities = self._database.clock(), await all_facilities(self._database)
        for code_list in lists:
            for facility in facilities[:1] if code_list.shared else facilities:
                key = (code_list.owner(facility.id), code_list.name)
                candidates = facilities if code_list.shared else [facility]
                changed_at = max(entered.get((row.id, code_list.upstream.name), 0) for row in candidates)
                due = key not in begun and is_due(code_list, last.get(key), now, changed_at)
                if (
                    due
                    and not self._waits(code_list, facility, last)
                    and await self._may_be_read(code_list, candidates)
                ):
                    begun.add(key)
                    await self._begin(code_list, facility, last.get(key))
                    last = await last_reads(self._database)

    async def _begin(self, code_list: CodeList, facility: FacilityRow, last: LastRead | None) -> None:
        if last is not None and last.state == "failed":
            await read_again(self._database, last)
        else:
            await copies.ask(self._database, code_list, facility.id, SCHEDULE)

    def _waits(self, code_list: CodeList, facility: FacilityRow, last: LastReads) -> bool:
        """Whether the list over whose rows it is read is being read, or could not be read yet."""
        source = None if code_list.read_for is None else self._catalog().code_lists[code_list.read_for]
        row = None if source is None else last.get((source.owner(facility.id), source.name))
        return row is not None and (row.state == "running" or row.read_at is None)

    async def _may_be_read(self, code_list: CodeList, facilities: list[FacilityRow]) -> bool:
        if isinstance(code_list.source, Path):
            return True
        accounts = [await self._accounts.get(facility.id, code_list.upstream) for facility in facilities]
        return any(isinstance(account, Account) for account in accounts)

    async def _place(self, code_list: CodeList, facilities: list[FacilityRow]) -> Place:
        """As the first facility that may; raises NotReadable."""
        missing = "Belum ada klinik."
        for facility in facilities:
            account = await self._accounts.get(facility.id, code_list.upstream, fresh=True)
            if isinstance(account, Account):
                return Place(code_list, facility, self._upstream(code_list.upstream.name), account, self._sleep)
            missing = account.reason
        raise NotReadable(missing)

    async def _items(self, held: SyncLease, reads: Reads, facility: FacilityRow) -> list[Any]:
        """What the reads are repeated over. Raises WaitsForSource and NotAsked."""
        each = reads.each
        if each.list is not None:
            source = self._catalog().code_lists[each.list]
            if not (held.done or held.offset):
                await self._expect(source, facility)
            return list(await copies.rows_of(self._database, source.owner(facility.id), each.list))
        if each.days:
            now = datetime.fromtimestamp(self._database.clock() / 1000, UTC).astimezone(ZoneInfo(facility.time_zone))
            return [(now.date() + timedelta(days=n)).isoformat() for n in range(each.days)]
        return list(each.values) or [None]

    async def _expect(self, source: CodeList, facility: FacilityRow) -> None:
        """Return if the copy is there and nobody reads it anew; have it read if nobody has asked for it."""
        last = (await last_reads(self._database)).get((source.owner(facility.id), source.name))
        if last is None:
            await copies.ask(self._database, source, facility.id, SCHEDULE)
        if last is None or last.state == "running":
            raise WaitsForSource(source.label)
        if last.read_at is None:
            until = max(last.retry_at or 0, self._database.clock()) + SOURCE_PAUSE_MS
            raise NotAsked(f"Menunggu {source.label}, yang belum berhasil disinkronkan.", until)
