"""Has code lists read: by schedule, when their file changed or when asked, to be resumed by any worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from adapters.base import Account, Upstream
from engine import code_lists
from engine.accounts import Accounts
from engine.catalog import Catalog
from engine.code_list import SHARED, CodeList, Reads
from engine.code_lists import Held
from engine.database import Database
from engine.errors import AntarError
from engine.facilities import FacilityRow, all_facilities
from engine.list_reading import Place, Reading, Sleep, read_file
from engine.list_rows import NotReadable, Row
from engine.mapping.review import follow

SCHEDULE = "jadwal"
"""Who asks when nobody does."""
HOUR = 3_600_000
"""Milliseconds."""

log = structlog.get_logger(__name__)


class Synchroniser:
    """One per worker; several never read the same list of a facility at once."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        accounts: Accounts,
        upstream: Callable[[str], Upstream],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._accounts = accounts
        self._upstream = upstream
        self._sleep = sleep

    async def tick(self) -> None:
        """Begin what is due, and read until nothing is left to read."""
        if not self._catalog().code_lists:
            return
        await self._begin_due()
        while (held := await code_lists.take(self._database)) is not None:
            await self.read(held)

    async def read(self, held: Held) -> None:
        """Go on where it was left, to the end; the old copy stays where that cannot be reached."""
        try:
            reached = await self._read(held)
            if reached is not None:
                await code_lists.finish(self._database, reached, list(self._consequences(held)))
        except AntarError as error:
            log.warning("list_not_read", list=held.list, facility=held.facility_id)
            await code_lists.give_up(self._database, held, str(error))
        except asyncio.CancelledError:
            await code_lists.release(self._database, held)
            raise

    async def one(self, code_list: CodeList, facility: FacilityRow, key: str) -> Row | None:
        """A row that the copy does not have, asked for alone and put into it. Raises AntarError."""
        row = await (await self._place(code_list, [facility])).one(key)
        if row is not None:
            await code_lists.add_row(self._database, code_list.owner(facility.id), code_list.name, row)
        return row

    async def _read(self, held: Held) -> Held | None:
        """How far it got; None: another worker has it now."""
        code_list = self._catalog().code_lists.get(held.list)
        if code_list is None:
            raise NotReadable("Daftar ini tidak ada lagi dalam konfigurasi.")
        if isinstance(code_list.source, Path):
            return await read_file(self._database, held, code_list, code_list.source)
        facilities = await all_facilities(self._database)
        place = await self._place(code_list, [row for row in facilities if held.facility_id in (SHARED, row.id)])
        items = await self._items(code_list, code_list.source, place.facility)
        reading = Reading(self._database, held, place, code_list.source, items)
        return reading.held if await reading.run() else None

    async def _begin_due(self) -> None:
        tried, now = await code_lists.last_tried(self._database), self._database.clock()
        facilities = await all_facilities(self._database)
        for each in self._catalog().code_lists.values():
            for facility in facilities[:1] if each.shared else facilities:
                at = tried.get((each.owner(facility.id), each.name), 0)
                candidates = facilities if each.shared else [facility]
                if _is_due(each, at, now) and await self._may_be_read(each, candidates):
                    await code_lists.ask(self._database, each, facility.id, SCHEDULE)

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

    async def _items(self, code_list: CodeList, reads: Reads, facility: FacilityRow) -> list[Any]:
        """What the reads are repeated over."""
        each = reads.each
        if each.list is not None:
            source = self._catalog().code_lists[each.list]
            rows = await code_lists.rows_of(self._database, source.owner(facility.id), each.list)
            if not rows:
                raise NotReadable(f"Sinkronkan dahulu {source.label}.")
            return list(rows)
        if each.days:
            now = datetime.fromtimestamp(self._database.clock() / 1000, UTC).astimezone(ZoneInfo(facility.time_zone))
            return [(now.date() + timedelta(days=n)).isoformat() for n in range(each.days)]
        return list(each.values) or [None]

    def _consequences(self, held: Held) -> Iterator[Callable[..., object]]:
        """What a new copy means for the items that are mapped to it."""
        for mapping in self._catalog().mappings.values():
            if mapping.catalogue.list.name == held.list:
                yield partial(follow, self._database, mapping, held.facility_id)


def _is_due(code_list: CodeList, tried: int, now: int) -> bool:
    """By its schedule; a file when it is younger than the last reading."""
    if isinstance(code_list.source, Path):
        return code_list.source.stat().st_mtime * 1000 > tried
    return code_list.every is not None and now - tried >= code_list.every * HOUR
