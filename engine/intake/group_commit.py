"""Group commit: records that arrive while a transaction is running are stored together in the next one.

A commit waits for the disk. Without this, single records of many clients would each wait for a commit of their own.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from engine.database.database import Database, is_away
from engine.delivery.types import Added, NewRecord
from engine.outbox.add import Batch, add
from engine.outbox.patient_index import IndexedPatients

MAX_RECORDS = 500  # of several requests in one transaction
MAX_WRITERS = 4  # transactions at once; SQLite has one writer anyway
MAX_WRITERS_ALIKE = 2  # of these for one facility and type: with more of them each would store fewer records

Stored = list[tuple[int, Added]]


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """The records of one request, and the future that its caller awaits."""

    batch: Batch
    entries: Sequence[NewRecord]
    result: asyncio.Future[Stored]


class GroupCommit:
    """Stores records of several requests together; for one event loop only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._indexed = IndexedPatients()
        self._writers = 1 if database.dialect == "sqlite" else MAX_WRITERS
        self._waiting: deque[_Request] = deque()
        self._writing: set[asyncio.Task[None] | None] = set()
        self._running: Counter[Batch] = Counter()  # transactions that are running

    async def add(self, batch: Batch, entries: Sequence[NewRecord]) -> Stored:
        """Store records; returns and raises the same as engine.outbox.add.add."""
        request = _Request(batch, entries, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if len(self._writing) < self._writers and self._running[batch] < MAX_WRITERS_ALIKE:
            self._writing.add(asyncio.create_task(self._write()))
        return await request.result

    async def _write(self) -> None:
        """Store until no request waits that may be stored; `add` starts another writer when the next one arrives."""
        try:
            while requests := self._next():
                batch = requests[0].batch
                self._running[batch] += 1
                try:
                    await self._store(requests)
                finally:
                    self._running -= Counter((batch,))
        finally:
            self._writing -= {asyncio.current_task()}

    def _next(self) -> list[_Request]:
        """Take the request that has waited longest, with others of its type and facility; none while enough run."""
        batch = next(
            (waiting.batch for waiting in self._waiting if self._running[waiting.batch] < MAX_WRITERS_ALIKE), None
        )
        requests: list[_Request] = []
        room = MAX_RECORDS
        for request in [waiting for waiting in self._waiting if waiting.batch == batch]:
            room -= len(request.entries)
            if room < 0 and requests:
                break
            requests.append(request)
            self._waiting.remove(request)
        return requests

    async def _store(self, requests: list[_Request]) -> None:
        """Store the requests together; one by one if the database refuses them, so that only the faulty one fails."""
        entries = [entry for request in requests for entry in request.entries]
        try:
            added = await add(self._database, requests[0].batch, entries, self._indexed)
        except Exception as error:
            if len(requests) > 1 and not is_away(error):
                for request in requests:
                    await self._store([request])
                return
            for request in requests:
                if not request.result.done():
                    request.result.set_exception(error)
            return
        for request in requests:
            count = len(request.entries)
            result, added = added[:count], added[count:]
            if not request.result.done():  # cancelled if the caller has gone
                request.result.set_result(result)
