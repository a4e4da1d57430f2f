"""Reads code lists from their upstreams: by schedule or when asked, page by page, to be resumed by any worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from adapters.base import Account, Call, Reply, Upstream, Verdict
from engine import code_lists
from engine.accounts import Accounts
from engine.catalog import Catalog
from engine.code_lists import Held, Row
from engine.context import facility_mapping
from engine.database import Database
from engine.errors import AntarError
from engine.facilities import FacilityRow, all_facilities
from engine.models import KEY_LENGTH
from engine.rate import Rate
from engine.spec import CodeList

SCHEDULE = "jadwal"
"""Who asks when nobody does."""
PAUSES = (2.0, 10.0, 30.0)
"""Seconds before a read that was not answered is repeated; after the last it is given up."""
HOUR = 3_600_000
"""Milliseconds."""

log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class NotReadable(AntarError):
    """Why a code list cannot be read, in words for a person."""


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
        """Begin what is due by its schedule, and read until nothing is left to read."""
        if not self._catalog().code_lists:
            return
        await self._begin_due()
        while (held := await code_lists.take(self._database)) is not None:
            await self.read(held)

    async def read(self, held: Held) -> None:
        """Go on where it was left, to the end; the old copy stays where that cannot be reached."""
        try:
            reading = Reading(self._database, held, await self._source(held), self._sleep)
            if await reading.run():
                await code_lists.finish(self._database, reading.held)
        except AntarError as error:
            log.warning("list_not_read", list=held.list, facility=held.facility_id)
            await code_lists.give_up(self._database, held, str(error))
        except asyncio.CancelledError:
            await code_lists.release(self._database, held)
            raise

    async def _begin_due(self) -> None:
        scheduled = [each for each in self._catalog().code_lists.values() if each.every is not None]
        tried, now = await code_lists.last_tried(self._database), self._database.clock()
        for facility in await all_facilities(self._database) if scheduled else ():
            for each in scheduled:
                due = now - tried.get((facility.id, each.name), 0) >= (each.every or 0) * HOUR
                if due and not isinstance(await self._accounts.get(facility.id, each.upstream), str):
                    await code_lists.begin(self._database, facility.id, each.name, SCHEDULE)

    async def _source(self, held: Held) -> Source:
        code_list = self._catalog().code_lists.get(held.list)
        if code_list is None:
            raise NotReadable("Daftar ini tidak ada lagi dalam konfigurasi.")
        facility = next(row for row in await all_facilities(self._database) if row.id == held.facility_id)
        account = await self._accounts.get(facility.id, code_list.upstream)
        if isinstance(account, str):
            raise NotReadable(account)
        items = await self._items(code_list, facility)
        return Source(code_list, facility, self._upstream(code_list.upstream.name), account, items)

    async def _items(self, code_list: CodeList, facility: FacilityRow) -> list[Any]:
        """What the reads are repeated over."""
        each = code_list.each
        if each.list is not None:
            rows = await code_lists.rows_of(self._database, facility.id, each.list)
            if not rows:
                raise NotReadable(f"Sinkronkan dahulu {self._catalog().code_lists[each.list].label}.")
            return list(rows)
        if each.days:
            now = datetime.fromtimestamp(self._database.clock() / 1000, UTC).astimezone(ZoneInfo(facility.time_zone))
            return [(now.date() + timedelta(days=n)).isoformat() for n in range(each.days)]
        return list(each.values) or [None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list is read, as whom, and over what the reads are repeated."""

    code_list: CodeList
    facility: FacilityRow
    upstream: Upstream
    account: Account
    items: list[Any]


class Reading:
    """The reads of one synchronisation; `held` says how far it is."""

    def __init__(self, database: Database, held: Held, source: Source, sleep: Sleep) -> None:
        self.held = held
        self._database = database
        self._source = source
        self._list = source.code_list
        self._facility = facility_mapping(source.facility)
        self._rate = Rate(source.code_list.upstream.rate)
        self._sleep = sleep

    async def run(self) -> bool:
        """Whether all was read; False: another worker has it now. Raises AntarError."""
        items = self._source.items
        while self.held.done < len(items):
            each = items[self.held.done]
            rows, ended = await self._page(each)
            done = self.held.done + int(ended)
            offset = 0 if ended else self.held.offset + len(rows)
            if not await code_lists.keep(self._database, self.held, rows, done=done, offset=offset, total=len(items)):
                return False
            self.held = replace(self.held, done=done, offset=offset)
        return True

    async def _page(self, each: Any) -> tuple[list[Row], bool]:
        """The rows of the next page, and whether it is the last."""
        scope = {"facility": self._facility, "each": each, "start": self.held.offset, "limit": self._list.page_size}
        answered = {**scope, "body": (await self._ask(scope)).content}
        found = self._list.rows.render(answered) or []
        if not isinstance(found, list):
            raise NotReadable(f"Jawaban {self._list.upstream.label} bukan daftar.")
        return [self._row(row, each) for row in found], self._is_last(answered, len(found))

    def _is_last(self, answered: dict[str, Any], brought: int) -> bool:
        if self._list.page_size is None or not brought:
            return True
        if self._list.total is None:
            return brought < self._list.page_size
        total = self._list.total.render(answered)
        return isinstance(total, int) and self.held.offset + brought >= total

    def _row(self, row: Any, each: Any) -> Row:
        scope = {"row": row, "each": each, "facility": self._facility}
        key = str(self._list.key.render(scope))
        if not 0 < len(key) <= KEY_LENGTH:
            raise NotReadable(f"Kunci baris {key[:40]!r} kosong atau lebih dari {KEY_LENGTH} karakter.")
        return Row(key, {column.name: column.value.render(scope) for column in self._list.columns})

    async def _ask(self, scope: dict[str, Any]) -> Reply:
        """A read that was answered; one that was not is repeated a few times."""
        query = self._list.query.render(scope) if self._list.query else None
        parameters = tuple((name, str(value)) for name, value in (query or {}).items())
        call = Call("GET", str(self._list.path.render(scope)), parameters)
        for pause in (*PAUSES, None):
            await self._rate.wait()
            reply = await self._source.upstream.send(call, self._source.account)
            if reply.verdict is Verdict.ACCEPTED:
                return reply
            if reply.verdict is not Verdict.UNAVAILABLE or pause is None:
                break
            await self._sleep(max(pause, reply.retry_after or 0.0))
        raise NotReadable(f"{self._list.upstream.label}: {reply.message or f'HTTP {reply.status}'}")
