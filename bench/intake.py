"""Intake of records in batches of 500 against bare multi-row inserts of the same bytes in the same database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import orjson
import uvloop
from sqlalchemy import text

from bench.clinic import BATCH, BenchClinic, clinic, plain
from bench.options import Options
from bench.rows import Row, compared
from engine.database.database import Database
from engine.database.transaction import ModelTransaction, Transaction

GOALS = {"SQLite": ">= 0.20", "PostgreSQL": ">= 0.40"}


async def make_bare_table(database: Database) -> None:
    """Create a table of nothing but records; drop one left by an interrupted run first."""
    kind = "BIGSERIAL" if database.dialect == "postgresql" else "INTEGER"
    for statement in ("DROP TABLE IF EXISTS bare", f"CREATE TABLE bare (id {kind} PRIMARY KEY, record TEXT NOT NULL)"):
        await database.write_models(ModelTransaction.execute, text(statement))


async def bare_inserts(here: BenchClinic, first: int, count: int) -> None:
    for start in range(first, first + count, BATCH):
        values = [(orjson.dumps(here.record(n)).decode(),) for n in range(start, start + BATCH)]
        await here.hub.database.write(Transaction.insert, "bare", ("record",), values)


async def measure(database_url: str, count: int, rounds: int) -> tuple[list[float], list[float]]:
    """Return records per second, ours and bare, alternating by round."""
    async with clinic(plain(database_url)) as here:
        await make_bare_table(here.hub.database)
        ours, bare = [], []
        for n in range(rounds):
            started = time.perf_counter()
            await here.hand_in(n * count, count)
            ours.append(count / (time.perf_counter() - started))
            started = time.perf_counter()
            await bare_inserts(here, n * count, count)
            bare.append(count / (time.perf_counter() - started))
        await here.hub.database.write_models(ModelTransaction.execute, text("DROP TABLE bare"))
        return ours, bare


def rows(options: Options) -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        for name, url in options.databases(folder).items():
            ours, bare = uvloop.run(measure(url, options.count // 2, options.rounds))
            yield compared(f"intake in batches of {BATCH}, {name}", "bare inserts", ours, bare, GOALS[name], "per s")
