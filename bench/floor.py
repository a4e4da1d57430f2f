"""Full delivery against a bare floor: aiohttp that claims, posts and settles in batches on one narrow table."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import NamedTuple

import aiohttp
import uvloop
from sqlalchemy import text

from bench.clinic import BATCH, IN_FLIGHT, clinic, plain
from bench.cost import Cost, cost, in_words, rates
from bench.options import Options
from bench.rows import Row, compared
from bench.upstream import fake_upstream
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import ModelTransaction

CLAIM = 200


class ClaimedRow(NamedTuple):
    """A row of the floor that is being sent."""

    id: int
    body: str


CLAIM_ROWS = Statement(
    f"UPDATE floor SET status = 1 WHERE id IN (SELECT id FROM floor WHERE status = 0 ORDER BY id LIMIT {CLAIM} "
    "{FOR UPDATE SKIP LOCKED}) RETURNING id, body",
    ClaimedRow,
)
SETTLE_ROWS = Command(
    "UPDATE floor SET status = 2, reference = v.reference FROM {rows} AS v WHERE floor.id = v.id",
    rows="id bigint, reference text",
)
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer 0123456789012345678901234567"}


class Floor:
    """The minimum for anything that keeps what it sends in a database."""

    def __init__(self, database: Database, address: str) -> None:
        self._database = database
        self._address = f"{address}/fhir-r4/v1/Encounter"
        self._ready: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()
        self._sent: list[tuple[int, str]] = []
        self._low = asyncio.Event()

    async def fill(self, body: str, count: int) -> None:
        """Create an empty table with `count` bodies to send."""
        kind = "BIGSERIAL" if self._database.dialect == "postgresql" else "INTEGER"
        for statement in (
            "DROP TABLE IF EXISTS floor",
            f"CREATE TABLE floor (id {kind} PRIMARY KEY, status INTEGER NOT NULL, body TEXT NOT NULL, reference TEXT)",
            "CREATE INDEX ix_floor ON floor (id) WHERE status = 0",
        ):
            await self._write(statement)
        for _ in range(0, count, BATCH):
            await self._write("INSERT INTO floor (status, body) VALUES (0, :body)", [{"body": body}] * BATCH)

    async def drop(self) -> None:
        await self._write("DROP TABLE floor")

    async def run(self) -> float:
        """Return the seconds until everything is sent and settled."""
        started = time.perf_counter()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            senders = [asyncio.create_task(self._send_all(session)) for _ in range(IN_FLIGHT)]
            settling = asyncio.create_task(self._settle_all(senders))
            while claimed := await self._claim():
                for row in claimed:
                    self._ready.put_nowait(row)
                while self._ready.qsize() > IN_FLIGHT:
                    self._low.clear()
                    await self._low.wait()
            for _ in senders:
                self._ready.put_nowait(None)
            await settling
        return time.perf_counter() - started

    async def _claim(self) -> list[ClaimedRow]:
        return await self._database.returned(CLAIM_ROWS)

    async def _send_all(self, session: aiohttp.ClientSession) -> None:
        while (row := await self._ready.get()) is not None:
            self._low.set()
            async with session.post(self._address, data=row[1], headers=HEADERS) as answer:
                self._sent.append((row[0], (await answer.json())["id"]))

    async def _settle_all(self, senders: list[asyncio.Task[None]]) -> None:
        while self._sent or not all(sender.done() for sender in senders):
            batch, self._sent = self._sent, []
            if batch:
                await self._database.execute(SETTLE_ROWS, {"rows": batch})
            if len(self._sent) < CLAIM:
                await asyncio.sleep(0.01)

    async def _write(self, statement: str, parameters: dict[str, str] | list[dict[str, str]] | None = None) -> None:
        await self._database.write_models(ModelTransaction.execute, text(statement), parameters)


async def measure(database_url: str, count: int, rounds: int) -> tuple[list[Cost], list[Cost]]:
    """Return the costs of full deliveries and of the floor, alternating by round."""
    with fake_upstream() as address:
        async with clinic(plain(database_url, address=address)) as here, here.working() as worker:
            database = here.hub.database
            floor, full, bare = Floor(database, address), [], []
            body = (await here.finished_body()).decode()
            for n in range(rounds):
                await here.hand_in(n * count, count)
                full.append(await cost(database, count, lambda: here.deliver(worker)))
                await floor.fill(body, count)
                bare.append(await cost(database, count, floor.run))
            await floor.drop()
            return full, bare


def rows(options: Options) -> Iterator[Row]:
    """Yield two rows per database: the rate, and CPU of process and database together."""
    with TemporaryDirectory() as folder:
        for name, url in options.databases(folder).items():
            full, bare = uvloop.run(measure(url, options.count, options.rounds))
            note = f"{in_words('full', full)}; {in_words('floor', bare)}"
            against = "floor of aiohttp and batches"
            yield compared(f"full delivery, {name}", against, rates(full), rates(bare), ">= 0.9", "per s", note)
            ours, theirs = [each.cpu for each in full], [each.cpu for each in bare]
            yield compared(f"CPU of worker and database, {name}", against, ours, theirs, "<= 1.3", "us")
