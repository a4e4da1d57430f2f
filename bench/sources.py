"""A clinic's database of 200,000 visits: what the history costs a hot round (`python -m bench sources`)."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from bench.options import Options
from bench.rows import Row, compared
from engine.actors import make_broker
from engine.facilities.facilities import add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import ROOT, Settings
from engine.sources import states
from engine.sources.reader import SourceReader
from sandbox.his.clinic import HisClinic
from sandbox.his.database import HisDatabase

SERVER = make_url("mysql+asyncmy://root@127.0.0.1:3306")
ZONE = "Asia/Jakarta"
VISITS_A_DAY = 250
DAYS = 800  # of history
TABLES = ("reg_periksa", "pemeriksaan_ralan", "diagnosa_pasien", "resep_obat", "resep_dokter", "detail_pemberian_obat")
MIB = 1024 * 1024


class ReadClinic(NamedTuple):
    """A clinic's database with a day of visits and its history, and a reader that has read today."""

    reader: SourceReader
    passed: list[int]  # milliseconds that its clock is ahead

    async def round(self) -> float:
        """Return the seconds of a hot round of all reads that finds nothing changed."""
        self.passed[0] += 61_000
        started = time.perf_counter()
        await self.reader.tick()
        await self.reader.idle()
        return time.perf_counter() - started


@asynccontextmanager
async def read_clinic(folder: Path, days: int) -> AsyncIterator[ReadClinic]:
    """Yield a clinic with so many days of history, which the hot window does not reach."""
    name, passed, today = f"antar_bench_{secrets.token_hex(4)}", [0], datetime.now(ZoneInfo(ZONE)).date()
    await HisDatabase(SERVER).run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        his = HisClinic(HisDatabase(SERVER.set(database=name)), "mlite", today)
        await his.open()
        await his.enter([his.visit(n, datetime.min.time()) for n in range(1, VISITS_A_DAY + 1)])
        await _multiply(name, days)
        hub = await _hub(folder, passed)
        facility = await add_facility(hub.database, "klinik", "Klinik Contoh", ZONE, "100099001")
        credentials = {"host": str(SERVER.host), "user": str(SERVER.username), "password": "", "database": name}
        await set_credentials(hub.database, hub.vault, facility.id, "source:mlite", credentials)
        await states.start(hub.database, facility.id, hub.catalog.sources["mlite"], today, "bench")
        opened = ReadClinic(
            SourceReader(hub.database, lambda: hub.catalog, hub.facilities, hub.vault, hub.intake, "bench"), passed
        )
        await opened.round()
        yield opened
        await hub.close()
    finally:
        await HisDatabase(SERVER).run(f"DROP DATABASE {name}")


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
    return pages * 4096 / MIB


async def measure(days: int, rounds: int) -> tuple[list[float], list[float], float]:
    """Return seconds of hot rounds with the history and without it, and the MiB that the rounds with it added."""
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        async with read_clinic(Path(first), days) as long, read_clinic(Path(second), 0) as short:
            before = resident()
            pairs = [(await long.round(), await short.round()) for _ in range(rounds)]
            return [pair[0] for pair in pairs], [pair[1] for pair in pairs], resident() - before


def rows(options: Options) -> Iterable[Row]:
    """Yield the row if a MariaDB answers whose root has no password."""
    days = DAYS // 10 if options.quick else DAYS
    try:
        long, short, added = asyncio.run(measure(days, options.rounds))
    except (DBAPIError, OSError) as error:
        print(f"NO MARIADB at {SERVER.host}: the row of sources is left out ({type(error).__name__})")
        return
    visits = (days + 1) * VISITS_A_DAY
    note = f"all reads of a day of {VISITS_A_DAY} visits, nothing changed; {added:.0f} MiB added by the rounds"
    yield compared(f"hot round, {visits:,} visits in MariaDB", "one day of visits", long, short, "<= 1.50", "s", note)
