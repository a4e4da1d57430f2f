"""Reads one code list from where it stands, page by page; how far it is, is kept with each page."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.base import Account, Call, Reply, Upstream, Verdict
from engine.code_lists import copies
from engine.code_lists.copies import SyncLease
from engine.database.database import Database
from engine.delivery.types import Channel, Signal
from engine.facilities.facilities import FacilityRow
from engine.limits.rate import RateLimiter
from engine.specs.code_list import CodeList, NotReadable, Reads, Row, rows_of
from engine.specs.context import facility_mapping
from engine.templates.template import Template

# Seconds before a request that was not answered is repeated; after the last the read has failed.
RETRY_PAUSES_SECONDS = (2.0, 10.0, 30.0)
BATCH_LINES = 1_000  # lines of a file that are kept at once

# What a verdict says of the channel; any other is an answer like any.
_SIGNALS = {
    Verdict.UNAVAILABLE: Signal.DOWN,
    Verdict.UNSURE: Signal.DOWN,
    Verdict.UNAUTHORIZED: Signal.REFUSED,
}

Sleep = Callable[[float], Awaitable[None]]
WaitForRate = Callable[[], Awaitable[None]]  # returns when the next request may leave


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list is read, and as whom."""

    code_list: CodeList
    facility: FacilityRow
    upstream: Upstream
    account: Account
    sleep: Sleep = asyncio.sleep

    async def ask(self, path: Template, query: Template | None, scope: Mapping[str, Any], turn: WaitForRate) -> Any:
        """The content of an answer; a read that was not answered is repeated a few times. Raises NotReadable."""
        parameters = query.parameters(scope) if query else ()
        call = Call("GET", str(path.render(scope)), parameters, base_path=self._base)
        return (await self._answered(call, turn)).content

    async def one(self, key: str) -> Row | None:
        """The row of a key, asked for alone; None if there is none. Raises AntarError."""
        one = self.code_list.source.one if isinstance(self.code_list.source, Reads) else None
        if one is None:
            return None
        facility = facility_mapping(self.facility)
        scope = {"facility": facility, "key": key}
        body = await self.ask(one.path, one.query, scope, _at_once)
        row = one.row.render({**scope, "body": body})
        found = rows_of(self.code_list, row, None, facility) if row else ()
        return next((each for each in found if each.key == key), None)

    @property
    def channel(self) -> Channel:
        """Whose limits and breaker the requests share."""
        return Channel(self.code_list.upstream.name, self.facility.id)

    @property
    def _base(self) -> str | None:
        return self.code_list.source.base_path if isinstance(self.code_list.source, Reads) else None

    async def _answered(self, call: Call, turn: WaitForRate) -> Reply:
        for pause in (*RETRY_PAUSES_SECONDS, None):
            await turn()
            reply = await self.upstream.send(call, self.account)
            if reply.verdict is Verdict.ACCEPTED:
                return reply
            if reply.verdict is not Verdict.UNAVAILABLE or pause is None:
                break
            await self.sleep(max(pause, reply.retry_after or 0.0))
        problem = f"{self.code_list.upstream.label}: {reply.message or f'HTTP {reply.status}'}"
        raise NotReadable(problem, _SIGNALS.get(reply.verdict, Signal.GOOD), reply.retry_after)


class Reading:
    """The reads of one synchronisation; `held` says how far it is."""

    def __init__(self, database: Database, held: SyncLease, place: Place, reads: Reads, items: list[Any]) -> None:
        self.held = held
        self._database = database
        self._place = place
        self._list = place.code_list
        self._reads = reads
        self._items = items
        self._facility = facility_mapping(place.facility)
        self._turns = RateLimiter(database, place.channel, self._list.upstream.rate)

    async def run(self, answered: Callable[[], Awaitable[None]]) -> bool:
        """Whether all was read; False: another worker has it now. `answered` follows each page. Raises AntarError."""
        while self.held.done < len(self._items):
            each = self._items[self.held.done]
            rows, brought, ended = await self._page(each)
            await answered()
            done = self.held.done + int(ended)
            offset = 0 if ended else self.held.offset + brought
            total = len(self._items)
            if not await copies.keep(self._database, self.held, rows, done=done, offset=offset, total=total):
                return False
            self.held = replace(self.held, done=done, offset=offset)
        return True

    async def _page(self, each: Any) -> tuple[list[Row], int, bool]:
        """The rows of the next page, how many it brought, and whether it is the last."""
        reads, offset = self._reads, self.held.offset
        size = reads.page_size
        scope = {"facility": self._facility, "each": each, "start": offset, "limit": size}
        scope |= {"page": offset // size + 1 if size else 1, "since": self.held.since}
        answered = {**scope, "body": await self._place.ask(reads.path, self._query, scope, self._turns.wait)}
        found = reads.rows.render(answered) or []
        if not isinstance(found, list):
            raise NotReadable(f"Jawaban {self._list.upstream.label} bukan daftar.")
        rows = {row.key: row for one in found for row in rows_of(self._list, one, each, self._facility)}
        return list(rows.values()), len(found), self._is_last(answered, len(found))

    @property
    def _query(self) -> Template | None:
        changes = self._reads.changes
        return self._reads.query if changes is None or self.held.since is None else changes.query

    def _is_last(self, answered: dict[str, Any], brought: int) -> bool:
        if self._reads.page_size is None or not brought:
            return True
        if self._reads.total is None:
            return brought < self._reads.page_size
        total = self._reads.total.render(answered)
        return isinstance(total, int) and self.held.offset + brought >= total


async def read_file(database: Database, held: SyncLease, code_list: CodeList, path: Path) -> SyncLease | None:
    """Read a list's CSV file; None: another worker has it now. Raises AntarError."""
    try:
        lines = await asyncio.to_thread(_lines, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NotReadable(f"Berkas {path.name} tidak dapat dibaca: {error}") from error
    for start in range(held.offset, len(lines), BATCH_LINES):
        rows = [row for line in lines[start : start + BATCH_LINES] for row in rows_of(code_list, line, None, {})]
        offset = min(start + BATCH_LINES, len(lines))
        if not await copies.keep(database, held, rows, done=0, offset=offset, total=1):
            return None
        held = replace(held, offset=offset)
    return held


async def _at_once() -> None:
    """A person waits for it."""


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
