"""Reads one code list page by page; the position is stored with each page, so that any worker can continue."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.base import Account, Call, Reply, Upstream, Verdict
from adapters.messages import at, message
from engine.code_lists import synchronisations
from engine.code_lists.synchronisations import SyncLease
from engine.database.database import Database
from engine.delivery.types import Channel, Signal
from engine.facilities.facilities import FacilityRow
from engine.limits.rate import RateLimiter
from engine.specs.code_list import CodeList, CodeListRow, NotReadable, Reads, rows_of
from engine.specs.context import facility_mapping
from engine.templates.template import Template

# Pauses before an unanswered request is repeated; after the last one the read has failed.
RETRY_PAUSES_SECONDS = (2.0, 10.0, 30.0)
BATCH_LINES = 1_000  # lines of a file that are stored per transaction

# Signal of a verdict to the breaker; any other verdict means that the upstream works.
_SIGNALS = {
    Verdict.UNAVAILABLE: Signal.DOWN,
    Verdict.UNSURE: Signal.DOWN,
    Verdict.UNAUTHORIZED: Signal.REFUSED,
}

Sleep = Callable[[float], Awaitable[None]]
WaitForRate = Callable[[], Awaitable[None]]  # returns when the rate limit lets the next request go


@dataclass(frozen=True, slots=True)
class Place:
    """A code list, and the facility and account with which it is read."""

    code_list: CodeList
    facility: FacilityRow
    upstream: Upstream
    account: Account
    sleep: Sleep = asyncio.sleep

    async def ask(self, path: Template, query: Template | None, scope: Mapping[str, Any], wait: WaitForRate) -> Any:
        """Return an answer's content; an unanswered request is repeated a few times. Raises NotReadable."""
        parameters = query.parameters(scope) if query else ()
        call = Call("GET", str(path.render(scope)), parameters, base_path=self._base)
        return (await self._answered(call, wait)).content

    async def one(self, key: str) -> CodeListRow | None:
        """Read the row of one key; None if the upstream has none. Raises AntarError."""
        one = self.code_list.source.one if isinstance(self.code_list.source, Reads) else None
        if one is None:
            return None
        facility = facility_mapping(self.facility)
        scope = {"facility": facility, "key": key}
        body = await self.ask(one.path, one.query, scope, _without_wait)
        row = one.row.render({**scope, "body": body})
        rows = rows_of(self.code_list, row, None, facility) if row else ()
        return next((row for row in rows if row.key == key), None)

    @property
    def channel(self) -> Channel:
        """The channel whose rate limit and breaker apply to the requests."""
        return Channel(self.code_list.upstream.name, self.facility.id)

    @property
    def _base(self) -> str | None:
        return self.code_list.source.base_path if isinstance(self.code_list.source, Reads) else None

    async def _answered(self, call: Call, wait: WaitForRate) -> Reply:
        for pause in (*RETRY_PAUSES_SECONDS, None):
            await wait()
            reply = await self.upstream.send(call, self.account)
            if reply.verdict is Verdict.ACCEPTED:
                return reply
            if reply.verdict is not Verdict.UNAVAILABLE or pause is None:
                break
            await self.sleep(max(pause, reply.retry_after or 0.0))
        problem = at(self.code_list.upstream.label, reply.message or f"HTTP {reply.status}")
        raise NotReadable(problem, _SIGNALS.get(reply.verdict, Signal.GOOD), reply.retry_after)


class ListReader:
    """Reads the pages of one synchronisation; `lease` has its position."""

    def __init__(self, database: Database, lease: SyncLease, place: Place, reads: Reads, items: list[Any]) -> None:
        self.lease = lease
        self._database = database
        self._place = place
        self._list = place.code_list
        self._reads = reads
        self._items = items
        self._facility = facility_mapping(place.facility)
        self._rate = RateLimiter(database, place.channel, self._list.upstream.rate)

    async def run(self, answered: Callable[[], Awaitable[None]]) -> bool:
        """Read to the end; False if another worker has the synchronisation now. Raises AntarError.

        `answered` is called after each page.
        """
        while self.lease.done < len(self._items):
            item = self._items[self.lease.done]
            rows, read, ended = await self._page(item)
            await answered()
            done = self.lease.done + int(ended)
            offset = 0 if ended else self.lease.offset + read
            total = len(self._items)
            if not await synchronisations.store_page(
                self._database, self.lease, rows, done=done, offset=offset, total=total
            ):
                return False
            self.lease = self.lease._replace(done=done, offset=offset)
        return True

    async def _page(self, item: Any) -> tuple[list[CodeListRow], int, bool]:
        """Read the next page: its rows, the number of rows the upstream sent, and if it is the last."""
        reads, offset = self._reads, self.lease.offset
        size = reads.page_size
        scope = {"facility": self._facility, "each": item, "start": offset, "limit": size}
        scope |= {"page": offset // size + 1 if size else 1, "since": self.lease.since}
        answered = {**scope, "body": await self._place.ask(reads.path, self._query, scope, self._rate.wait)}
        sent = reads.rows.render(answered) or []
        if not isinstance(sent, list):
            raise NotReadable(message("list.not_a_list", upstream=self._list.upstream.label))
        rows = {row.key: row for content in sent for row in rows_of(self._list, content, item, self._facility)}
        return list(rows.values()), len(sent), self._is_last(answered, len(sent))

    @property
    def _query(self) -> Template | None:
        changes = self._reads.changes
        return self._reads.query if changes is None or self.lease.since is None else changes.query

    def _is_last(self, answered: dict[str, Any], sent: int) -> bool:
        if self._reads.page_size is None or not sent:
            return True
        if self._reads.total is None:
            return sent < self._reads.page_size
        total = self._reads.total.render(answered)
        return isinstance(total, int) and self.lease.offset + sent >= total


async def read_file(database: Database, lease: SyncLease, code_list: CodeList, path: Path) -> SyncLease | None:
    """Read a list's CSV file; None if another worker has the synchronisation now. Raises AntarError."""
    try:
        lines = await asyncio.to_thread(_lines, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NotReadable(message("list.unreadable_file", file=path.name, error=str(error))) from error
    for start in range(lease.offset, len(lines), BATCH_LINES):
        rows = [row for line in lines[start : start + BATCH_LINES] for row in rows_of(code_list, line, None, {})]
        offset = min(start + BATCH_LINES, len(lines))
        if not await synchronisations.store_page(database, lease, rows, done=0, offset=offset, total=1):
            return None
        lease = lease._replace(offset=offset)
    return lease


async def _without_wait() -> None:
    """Skip the rate limit: a person waits for the answer."""


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
