"""Intake of records in batches of 500 against bare multi-row inserts of the same bytes in the same database."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import uvloop
from sqlalchemy import text

from bench.delivery import SPEC, hand_in, open_hub
from bench.rows import Row, median_ratio

BATCH = 500


async def measure(database_url: str, count: int, rounds: int) -> tuple[list[float], list[float]]:
    hub, facility = await open_hub(database_url, "memory://", "http://127.0.0.1:9")
    kind = "BIGSERIAL" if hub.database.dialect == "postgresql" else "INTEGER"
    create = f"CREATE TABLE IF NOT EXISTS bare (id {kind} PRIMARY KEY, record TEXT NOT NULL)"
    await hub.database.write(lambda connection: connection.execute(text(create)))
    example = dict(hub.catalog.specs[SPEC].example)
    ours, bare = [], []
    for n in range(rounds):
        started = time.perf_counter()
        await hand_in(hub, facility, n * count, count)
        ours.append(count / (time.perf_counter() - started))
        started = time.perf_counter()
        for start in range(0, count, BATCH):
            values = [{"record": orjson.dumps({**example, "id": f"V{start + i}"}).decode()} for i in range(BATCH)]
            insert = text("INSERT INTO bare (record) VALUES (:record)")
            await hub.database.write(lambda connection, v=values, i=insert: connection.execute(i, v))  # type: ignore[misc]
        bare.append(count / (time.perf_counter() - started))
    await hub.database.write(lambda connection: connection.execute(text("DROP TABLE bare")))
    await hub.close()
    return ours, bare


def rows(count: int = 10_000, rounds: int = 5, postgresql: str = "") -> list[Row]:
    result = []
    with TemporaryDirectory() as folder:
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'bench.sqlite3'}"} | (
            {"PostgreSQL": postgresql} if postgresql else {}
        )
        for name, url in urls.items():
            ours, bare = uvloop.run(measure(url, count, rounds))
            what = f"intake in batches of {BATCH}, {name}"
            result.append(Row(what, "bare inserts", median_ratio(ours, bare), ">= 0.35", max(ours), "per s"))
    return result
