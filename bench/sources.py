"""A clinic's database of 200,000 visits: what the history costs a hot round (`python -m bench sources`)."""

from __future__ import annotations

import asyncio
import resource
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.his_database.connection import connected
from adapters.his_database.inspection import whole_tables
from bench.options import Options
from bench.rows import Row, compared
from engine.actors import make_broker
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import ROOT, Settings
from engine.sources import states
from engine.sources.reader import SourceReader
from engine.specs.context import facility_mapping
from sandbox.his.clinic import HisClinic
from sandbox.his.database import HisDatabase

SERVER = make_url("mysql+asyncmy://root@127.0.0.1:3306")
ZONE = "Asia/Jakarta"
VISITS_A_DAY = 250
DAYS = 800  # of history
TABLES = ("reg_periksa", "pemeriksaan_ralan", "diagnosa_pasien", "resep_obat", "resep_dokter", "detail_pemberian_obat")
MIB = 1024 * 1024
CONNECTIONS = text("SELECT COUNT(*) FROM information_schema.processlist WHERE db = :database")


class ReadClinic(NamedTuple):
    """A clinic's database with its history, and a reader that has read yesterday and today."""

    reader: SourceReader
    hub: Hub
    facility: FacilityRow
    database: str
    passed: list[int]  # milliseconds that its clock is ahead

    async def round(self) -> float:
        """Return the seconds of a hot round of all reads that finds nothing changed."""
        self.passed[0] += 61_000
        started = time.perf_counter()
        await self.reader.tick()
        await self.reader.idle()
        return time.perf_counter() - started

    async def whole_tables(self) -> list[str]:
        """Return the large tables that a query of a read by days goes through as a whole, with the read."""
        source, facility = self.hub.catalog.sources["mlite"], facility_mapping(self.facility)
        today = self.facility.local(self.hub.database.clock()).date()
        found = []
        async with connected(source.system, _credentials(self.database)) as connection:
            for read in (one for one in source.reads.values() if one.by == "window"):
                parameters = read.parameters(today, today, facility)
                async with connection.snapshot(source.patience) as snapshot:
                    for query in (read.query, *(one.query for one in read.further.values())):
                        tables = await whole_tables(source.system, snapshot, query, parameters)
                        found += [f"{table} ({read.name})" for table in tables]
        return found


@asynccontextmanager
async def read_clinic(folder: Path, days: int) -> AsyncIterator[ReadClinic]:
    """Yield a clinic with so many days of history, of which the hot window reaches one."""
    name, passed, today = f"antar_bench_{secrets.token_hex(4)}", [0], datetime.now(ZoneInfo(ZONE)).date()
    await HisDatabase(SERVER).run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        his = HisClinic(HisDatabase(SERVER.set(database=name)), "mlite", today)
        await his.open()
        await his.enter([his.visit(n, datetime.min.time()) for n in range(1, VISITS_A_DAY + 1)])
        await _multiply(name, days)
        hub = await _hub(folder, passed)
        facility = await add_facility(hub.database, "klinik", "Klinik Contoh", ZONE, "100099001")
        await set_credentials(hub.database, hub.vault, facility.id, "source:mlite", _credentials(name))
        first = today - timedelta(days=1)
        await states.start(hub.database, facility.id, hub.catalog.sources["mlite"], first, "bench")
        reader = SourceReader(hub.database, lambda: hub.catalog, hub.facilities, hub.vault, hub.intake, "bench")
        opened = ReadClinic(reader, hub, facility, name, passed)
        await opened.round()
        yield opened
        await hub.close()
    finally:
        await HisDatabase(SERVER).run(f"DROP DATABASE {name}")


def _credentials(database: str) -> dict[str, str]:
    return {"host": str(SERVER.host), "user": str(SERVER.username), "password": "", "database": database}


async def _hub(folder: Path, passed: list[int]) -> Hub:
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    settings = Settings("demo", f"sqlite:///{folder}/antar.sqlite3", secret_keys=(new_key(),), config_dir=config)
    broker = make_broker("memory://")
    return await Hub.open(settings, durable=False, broker=broker, clock=lambda: int(time.time() * 1000) + passed[0])


async def _multiply(database: str, days: int) -> None:
    """Copy the visits of the day to so many days before it."""
    engine = create_async_engine(SERVER.set(database=database))
    async with engine.begin() as connection:
        for table in TABLES if days else ():
            named = await connection.execute(text(f"SHOW COLUMNS FROM {table}"))
            columns = [row[0] for row in named]
            # CROSS JOIN of a recursion and the day's rows, whose numbers and dates are moved
            await connection.execute(text("SET max_recursive_iterations = 10000"))
            await connection.execute(
                text(
                    f"INSERT INTO {table} ({', '.join(columns)}) "
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :days) "
                    f"SELECT {', '.join(map(_moved, columns))} FROM {table} CROSS JOIN n"
                ),
                {"days": days},
            )
    async with engine.begin() as connection:
        await connection.execute(text(f"ANALYZE TABLE {', '.join(TABLES)}"))
    await engine.dispose()


def _moved(column: str) -> str:
    if column == "no_rawat":
        day = "DATE_SUB(STR_TO_DATE(LEFT(no_rawat, 10), '%Y/%m/%d'), INTERVAL n.i DAY)"
        return f"CONCAT(DATE_FORMAT({day}, '%Y/%m/%d'), SUBSTR(no_rawat, 11))"
    if column == "no_resep":
        day = "DATE_SUB(STR_TO_DATE(LEFT(no_resep, 8), '%Y%m%d'), INTERVAL n.i DAY)"
        return f"CONCAT(DATE_FORMAT({day}, '%Y%m%d'), SUBSTR(no_resep, 9))"
    return f"DATE_SUB({column}, INTERVAL n.i DAY)" if column.startswith("tgl_") else column


def resident() -> float:
    """Return the MiB of memory that this process uses."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


@asynccontextmanager
async def counted_connections(database: str) -> AsyncIterator[list[int]]:
    """Yield the numbers of connections that a clinic's server has to its database, taken again and again."""
    numbers: list[int] = []
    engine = create_async_engine(SERVER)

    async def count() -> None:
        async with engine.connect() as connection:
            while True:
                result = await connection.execute(CONNECTIONS, {"database": database})
                numbers.append(int(result.scalar_one()))
                await asyncio.sleep(0.02)

    counting = asyncio.create_task(count())
    try:
        yield numbers
    finally:
        counting.cancel()
        await asyncio.wait({counting})
        await engine.dispose()


class Measured(NamedTuple):
    """Seconds of hot rounds with the history and without it, CPU seconds of the former, and what else was seen."""

    long: list[float]
    short: list[float]
    cpu: list[float]
    added_mib: float
    connections: int
    whole_tables: list[str]


async def measure(days: int, rounds: int) -> Measured:
    """Measure a clinic with so many days of history beside one with a day of it."""
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        before = resident()
        async with read_clinic(Path(first), days) as long, read_clinic(Path(second), 1) as short:
            times, cpu = [], []
            async with counted_connections(long.database) as connections:
                for _ in range(rounds):
                    began = time.process_time()
                    seconds = await long.round()
                    cpu.append(time.process_time() - began)
                    times.append((seconds, await short.round()))
            whole = await long.whole_tables()
            added = resident() - before
    return Measured([one for one, _ in times], [two for _, two in times], cpu, added, max(connections), whole)


def rows(options: Options) -> Iterable[Row]:
    """Yield the rows if a MariaDB answers whose root has no password."""
    days = DAYS // 10 if options.quick else DAYS
    try:
        found = asyncio.run(measure(days, options.rounds))
    except (DBAPIError, OSError) as error:
        print(f"NO MARIADB at {SERVER.host}: the rows of sources are left out ({type(error).__name__})")
        return
    what = f"hot round, {(days + 1) * VISITS_A_DAY:,} visits in MariaDB"
    seconds, cpu = median(found.long), median(found.cpu)
    note = f"all reads of two days of {VISITS_A_DAY} visits, nothing changed; {cpu:.2f} s of it CPU of the worker"
    yield Row(what, "1 s", seconds, "<= 1.00", seconds, "s", note)
    yield Row("the same, CPU of the worker", "1 s", cpu, "<= 1.00", cpu, "s")
    yield compared("the same", "two days of visits", found.long, found.short, "<= 1.50", "s")
    yield Row(
        "memory of both clinics' hubs and rounds", "100 MiB", found.added_mib / 100, "<= 1.00", found.added_mib, "MiB"
    )
    yield Row("connections at the clinic's server", "one", found.connections, "<= 1.00", found.connections, "")
    named = ", ".join(found.whole_tables) or "none"
    yield Row("large tables that a query reads whole", "none", len(found.whole_tables), "<= 0", 0, "", named)
