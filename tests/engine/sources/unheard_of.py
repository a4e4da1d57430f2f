"""A clinic's system that nobody has heard of: its database, its source as YAML, and a hub that reads it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import URL, NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine

from engine.facilities.facilities import set_credentials
from engine.sources import states
from engine.sources.reader import SourceReader
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, SmallHub, open_small_hub

SOURCE = """
sources:
  tabib:
    label: Tabib
    system: sqlite
    credentials: {database: Nama database, user: Pengguna, password: Kata sandi, host: Alamat, port: Porta}
    patience: 5
    grants: [kunjungan, temuan]
    tables: {done: {S: true, B: false}}
    reads:
      findings:
        into: Finding
        by: window
        windows: [{days: 2, every: 60}, {days: 30, every: 3600}]
        query: SELECT t.nomor, t.urut, k.tgl, k.jam, t.hapus FROM temuan t JOIN kunjungan k ON k.nomor = t.nomor
          WHERE k.tgl BETWEEN :since AND :until
        key: "{{ row.nomor }}/{{ row.urut }}"
        record:
          id: "{{ row.nomor }}-{{ row.urut }}"
          visit: "{{ row.nomor }}"
          at: "{{ [row.tgl, row.jam] | moment }}"
        example:
          row: {nomor: K1, urut: 1, tgl: "2026-03-10", jam: "08:00:00", hapus: 0}
      visits:
        into: Visit
        by: window
        windows: [{days: 2, every: 60}, {days: 30, every: 3600}]
        query: SELECT nomor, tgl, jam, status, catatan FROM kunjungan WHERE tgl BETWEEN :since AND :until
        with:
          found: {on: nomor, query: "SELECT t.nomor, t.urut FROM temuan t JOIN kunjungan k ON k.nomor = t.nomor
            WHERE k.tgl BETWEEN :since AND :until ORDER BY 2"}
        let:
          began: "{{ [row.tgl, row.jam] | moment }}"
        skip: "{{ row.status == 'X' }}"
        because: Kunjungan percobaan tidak dikirim.
        key: "{{ row.nomor }}"
        record:
          id: "{{ row.nomor }}"
          at: "{{ began }}"
          done: "{{ tables.done[row.status] }}"
          note: "{{ row.catatan | blank }}"
          findings: {$for: "{{ found }}", $as: one, $each: "{{ row.nomor }}-{{ one.urut }}"}
        gone: {note: dibatalkan}
        example:
          row: {nomor: K1, tgl: "2026-03-10", jam: "08:00:00", status: S, catatan: "-"}
          with: {found: [{nomor: K1, urut: 1}]}
"""
TODAY = date(2026, 3, 10)  # of the tests' clock
TABLES = """
CREATE TABLE kunjungan (
  nomor VARCHAR(20) PRIMARY KEY, tgl DATE, jam VARCHAR(8), status VARCHAR(1), catatan VARCHAR(100)
);
CREATE TABLE temuan (nomor VARCHAR(20), urut INTEGER, hapus INTEGER);
"""


class Clinic(Protocol):
    """The clinic's database, as its own program writes it."""

    system: str
    credentials: dict[str, str]

    async def run(self, statements: str) -> None:
        """Run statements."""


class SqliteClinic:
    """The database as a file."""

    system = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "tabib.db"
        self.credentials = {"database": str(self._file)}

    async def run(self, statements: str) -> None:
        with closing(sqlite3.connect(self._file)) as connection:
            connection.executescript(statements)


class MariadbClinic:
    """A database of its own at a server of MariaDB."""

    system = "mariadb"

    def __init__(self, url: URL, database: str) -> None:
        self._url = url
        self.credentials = {"host": url.host or "", "port": str(url.port or 3306), "user": url.username or ""}
        self.credentials |= {"password": url.password or "", "database": database}

    async def run(self, statements: str) -> None:
        await self.at_server(f"USE {self.credentials['database']}; {statements}")

    async def at_server(self, statements: str) -> None:
        engine = create_async_engine(self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in filter(str.strip, statements.split(";")):
                await connection.exec_driver_sql(statement)
        await engine.dispose()


class Tabib:
    """A hub that reads the clinic's database."""

    def __init__(self, antar: SmallHub, clinic: Clinic) -> None:
        self.antar, self.clinic, self.clock = antar, clinic, antar.clock
        self.database, self.facility = antar.hub.database, antar.facility
        self.reader = self.another_reader("first")

    def another_reader(self, holder: str) -> SourceReader:
        hub = self.antar.hub
        return SourceReader(self.database, lambda: hub.catalog, hub.facilities, hub.vault, hub.intake, holder)

    async def start(self, from_day: date = TODAY) -> None:
        await set_credentials(
            self.database, self.antar.hub.vault, self.facility.id, "source:tabib", self.clinic.credentials
        )
        source = self.antar.hub.catalog.sources["tabib"]
        await states.start(self.database, self.facility.id, source, from_day, "sari")

    async def read(self, seconds: float = 0) -> None:
        """Let time pass and read what is due then."""
        self.clock.pass_(seconds)
        await self.reader.tick()
        await self.reader.idle()

    async def visit(self, number: str, status: str = "S", note: str = "", day: str = "2026-03-10") -> None:
        await self.clinic.run(f"INSERT INTO kunjungan VALUES ('{number}', '{day}', '08:00:00', '{status}', '{note}')")

    async def delete_finding(self) -> None:
        """Have a visit and its finding sent, delete the finding, and read until it counts as gone."""
        await self.visit("K1")
        await self.clinic.run("INSERT INTO temuan VALUES ('K1', 1, 0)")
        await self.start()
        await self.read()
        await self.antar.work()
        await self.clinic.run("DELETE FROM temuan")
        for _ in range(2):
            await self.read(60)

    async def state(self) -> Any:
        return (await states.states(self.database, self.facility.id))["tabib"]

    async def rows(self) -> dict[str, tuple[str, str | None]]:
        """Return the outcome of each row of the ledger, and its problem."""
        rows = await self.database.fetch(text("SELECT key, state, problem FROM source_rows"))
        return {row.key: (row.state, row.problem) for row in rows}


async def open_tabib(
    tmp_path: Path,
    database_url: str,
    clock: Clock,
    clinic: Clinic,
    source: str = SOURCE,
    tables: str = TABLES,
    catalog: str = CATALOG,
) -> Tabib:
    await clinic.run(tables)
    catalog += source.replace("system: sqlite", f"system: {clinic.system}")
    return Tabib(await open_small_hub(tmp_path, database_url, clock, catalog), clinic)
