"""Records of several requests in one transaction: what arrives while one is being written goes with the next.

A commit waits for the disk. Single records of many clients would each wait for one of their own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from engine.database.database import Database, is_away
from engine.delivery.types import Added, NewRecord
from engine.outbox.add import Batch, add

MAX_RECORDS = 500  # Records of several requests per transaction
MAX_WRITERS = 4  # Transactions at once; SQLite has one writer anyway

Stored = list[tuple[int, Added]]


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """What one request brought, and whoever waits for its answer."""

    batch: Batch
    entries: Sequence[NewRecord]
    told: asyncio.Future[Stored]


class GroupCommit:
    """The door's way to the outbox; only from one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writers = 1 if database.dialect == "sqlite" else MAX_WRITERS
        self._waiting: deque[_Request] = deque()
        self._writing: set[asyncio.Task[None] | None] = set()

    async def add(self, batch: Batch, entries: Sequence[NewRecord]) -> Stored:
        """As outbox.add, and raises what it raises; stored when it returns."""
        handed = _Request(batch, entries, asyncio.get_running_loop().create_future())
        self._waiting.append(handed)
        if len(self._writing) < self._writers:
            self._writing.add(asyncio.create_task(self._write()))
        return await handed.told

    async def _write(self) -> None:
        """Until nothing waits; who comes after that finds this writer gone, and begins another."""
        try:
            while self._waiting:
                await self._store(self._next())
        finally:
            self._writing -= {asyncio.current_task()}

    def _next(self) -> list[_Request]:
        """The one that waits longest, with others of its type and facility."""
        together = [self._waiting.popleft()]
        room = MAX_RECORDS - len(together[0].entries)
        for handed in [each for each in self._waiting if each.batch == together[0].batch]:
            room -= len(handed.entries)
            if room < 0:
                break
            together.append(handed)
            self._waiting.remove(handed)
        return together

    async def _store(self, together: list[_Request]) -> None:
        """Where the database refuses something of several, each has a transaction of its own: only one is at fault."""
        try:
            added = await add(self._database, together[0].batch, [entry for each in together for entry in each.entries])
        except Exception as error:
            if len(together) > 1 and not is_away(error):
                for handed in together:
                    await self._store([handed])
                return
            for handed in together:
                if not handed.told.done():
                    handed.told.set_exception(error)
            return
        for handed in together:
            count = len(handed.entries)
            told, added = added[:count], added[count:]
            if not handed.told.done():  # else whoever asked has gone
                handed.told.set_result(told)
