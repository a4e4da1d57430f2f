"""Bytes that a delivery takes: at rest with its attempt and all indexes, and in PostgreSQL's write-ahead log."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg
import uvloop

from bench.clinic import BenchClinic, clinic, plain
from bench.options import Options
from bench.rows import Row
from bench.upstream import fake_upstream
from engine.database.statements import Statement

REST_BYTES, WAL_BYTES = 1_200, 2_500  # goals per delivery
LARGEST = 4  # tables that the note names
WRITTEN = Statement(
    "SELECT CAST(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS BIGINT)", int, only="postgresql"
)


class _Table(NamedTuple):
    name: str
    size: int


TABLES = Statement(
    "SELECT relname AS name, pg_total_relation_size(oid) AS size FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC",
    _Table,
    only="postgresql",
)


def rows(options: Options) -> Iterator[Row]:
    """Yield a row for each database, and one for the log."""
    with TemporaryDirectory() as folder:
        for name, url in options.databases(folder).items():
            rest, wal, note = uvloop.run(_measure(url, Path(folder), options.count))
            yield Row(f"at rest, {name}", f"{REST_BYTES:,} bytes", rest / REST_BYTES, "<= 1", rest, "bytes", note)
            if wal:
                yield Row(f"write-ahead log, {name}", f"{WAL_BYTES:,} bytes", wal / WAL_BYTES, "<= 1", wal, "bytes")


async def _measure(url: str, folder: Path, count: int) -> tuple[float, float, str]:
    """Return bytes at rest and of the log per delivery, and the largest tables in words."""
    with fake_upstream() as address:
        async with clinic(plain(url, address=address)) as here, here.working() as worker:
            before = await _sizes(here, url, folder)
            begun = await _written(here)
            await here.hand_in(0, count)
            await here.deliver(worker)
            written = await _written(here) - begun
            after = await _sizes(here, url, folder)
    grown = {name: (size - before.get(name, 0)) / count for name, size in after.items()}
    largest = sorted(grown, key=lambda name: -grown[name])[:LARGEST]
    note = ", ".join(f"{name} {grown[name]:,.0f}" for name in largest)
    return sum(grown.values()), written / count, note


async def _sizes(here: BenchClinic, url: str, folder: Path) -> dict[str, int]:
    """Return name -> bytes of the tables with their indexes, without dead rows; SQLite has one file."""
    if here.hub.database.dialect == "sqlite":
        with closing(sqlite3.connect(folder / "bench.sqlite3", timeout=60, isolation_level=None)) as opened:
            opened.execute("VACUUM")
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return {"the file": (folder / "bench.sqlite3").stat().st_size}
    await asyncio.to_thread(_vacuum, url)  # it waits for the transactions of this process
    return {table.name: table.size for table in await here.hub.database.fetch(TABLES)}


def _vacuum(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as opened:
        opened.execute("VACUUM FULL")


async def _written(here: BenchClinic) -> int:
    database = here.hub.database
    return (await database.fetch(WRITTEN))[0] if database.dialect == "postgresql" else 0
