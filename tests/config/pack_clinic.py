"""A clinic with one of the packs' systems, its database on SQLite or MariaDB, and a hub that reads it."""

from __future__ import annotations

import csv
import secrets
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import URL, text

from admin.commands.demo import demo_credentials
from admin.commands.demo_history import DueSender
from admin.commands.demo_records import ZONE
from admin.commands.mappings import import_table
from bench.clinic import unlimited
from engine.actors import make_broker
from engine.catalog.catalog import Catalog, load
from engine.code_lists import copies
from engine.facilities.facilities import FacilityRow, add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.settings import ROOT, Settings
from engine.sources import states
from engine.sources.reader import SourceReader
from engine.specs.code_list import rows_of
from sandbox.his.cases import KFA, LOINC
from sandbox.his.clinic import HisClinic
from sandbox.his.database import HisDatabase
from tests.engine.sources.conftest import MARIADB

_catalogs: dict[tuple[str, str], Catalog] = {}  # of the packs, by system and kind of database


@dataclass
class MovedClock:
    """The real time, and what a test has let pass."""

    passed_ms: int = 0

    def __call__(self) -> int:
        return int(time.time() * 1000) + self.passed_ms


@dataclass
class PackClinic:
    """The clinic and its hub; `day` is yesterday."""

    system: str
    his: HisClinic
    database: HisDatabase
    hub: Hub
    facility: FacilityRow
    clock: MovedClock
    day: date
    _reader: SourceReader = field(init=False)

    def __post_init__(self) -> None:
        hub = self.hub
        self._reader = SourceReader(hub.database, lambda: hub.catalog, hub.facilities, hub.vault, hub.intake, "worker")

    async def start(self) -> None:
        source = self.hub.catalog.sources[self.system]
        await states.start(self.hub.database, self.facility.id, source, self.day, "sari")

    async def read(self, seconds: float = 61) -> None:
        """Let time pass and read what is due then."""
        self.clock.passed_ms += round(seconds * 1000)
        await self._reader.tick()
        await self._reader.idle()

    async def send(self) -> None:
        """Send until nothing is due."""
        await DueSender(self.hub).run([self.facility])

    async def map_codes(self, folder: Path) -> None:
        """Confirm the national codes of the clinic's drugs and tests by tables, as the clinic would import them."""
        for name, codes in {"kfa": KFA, "laboratory": LOINC}.items():
            listed = self.hub.catalog.mappings[name].catalogue.list
            for code in codes.values():
                if isinstance(listed.source, Path):
                    await self._add_from_file(listed.source, code, name)
                else:
                    await self.hub.synchroniser.one(listed, self.facility, code)
            file = folder / f"{name}.csv"
            file.write_text("key,code\n" + "".join(f"{key},{code}\n" for key, code in codes.items()))
            imported = await import_table(self.hub, name, self.facility, file, "sari", accepted=list(codes))
            assert [line for line in imported.lines if line.fault] == []

    async def _add_from_file(self, path: Path, code: str, mapping: str) -> None:
        listed = self.hub.catalog.mappings[mapping].catalogue.list
        with path.open(encoding="utf-8-sig", newline="") as file:
            [line] = [line for line in csv.DictReader(file) if line["code"] == code]
        for row in rows_of(listed, line, None, {}):
            await copies.add_row(self.hub.database, listed.owner(self.facility.id), listed.name, row)

    async def handed_in(self) -> dict[str, set[str]]:
        rows = await self.hub.database.fetch(text("SELECT spec, key FROM deliveries"))
        return {spec: {row.key for row in rows if row.spec == spec} for spec in {row.spec for row in rows}}

    async def statuses(self) -> Counter[tuple[str, str]]:
        """Return how many deliveries there are, by type and status."""
        rows = await self.hub.database.fetch(text("SELECT spec, status FROM deliveries"))
        return Counter((row.spec, row.status) for row in rows)

    async def problems(self) -> list[Any]:
        query = text("SELECT spec, key, status, problem FROM deliveries WHERE status NOT IN ('sent', 'ignored')")
        return [tuple(row) for row in await self.hub.database.fetch(query)]

    async def record(self, spec: str, key: str) -> dict[str, Any]:
        query = text("SELECT record FROM deliveries WHERE spec = :spec AND key = :key")
        [row] = await self.hub.database.fetch(query, {"spec": spec, "key": key})
        record: dict[str, Any] = orjson.loads(row.record)
        return record

    async def ledger(self) -> dict[tuple[str, str], str]:
        """Return the outcome of each row that was not simply taken."""
        query = text("SELECT read, key, state FROM source_rows WHERE state <> 'taken'")
        return {(row.read, row.key): row.state for row in await self.hub.database.fetch(query)}


@asynccontextmanager
async def open_pack(
    system: str, kind: str, folder: Path, addresses: Mapping[str, str] | None = None
) -> AsyncIterator[PackClinic]:
    """Yield the clinic with empty visits; `kind` is sqlite or mariadb, `addresses` those of the upstreams."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    set_kind(config, system, kind)
    if (system, kind) not in _catalogs:
        _catalogs[system, kind] = load(config)
    clock, key = MovedClock(), new_key()
    url = f"sqlite:///{folder}/antar.sqlite3"
    settings = Settings("demo", url, secret_keys=(key,), config_dir=config, addresses=dict(addresses or {}))
    hub = await Hub.open(
        settings,
        durable=False,
        broker=make_broker("memory://"),
        clock=clock,
        catalog=unlimited(_catalogs[system, kind]),
    )
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    day = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)  # its hours are over, and the hot window has it
    try:
        async with _database(kind, folder) as (database, credentials):
            for name, values in {**demo_credentials(ROOT / "config"), f"source:{system}": credentials}.items():
                await set_credentials(hub.database, hub.vault, facility.id, name, values)
            his = HisClinic(database, system, day)
            await his.open()
            opened = PackClinic(system, his, database, hub, facility, clock, day)
            await opened.start()
            yield opened
    finally:
        await hub.close()


def set_kind(config: Path, system: str, kind: str) -> None:
    """Let the database of a system be of that kind, in a copy of the configuration."""
    pack = config / "packs" / system / "source.yaml"
    text_ = pack.read_text("utf-8")
    pack.write_text(text_.replace("    extends:", f"    system: {kind}\n    extends:", 1), "utf-8")


@asynccontextmanager
async def _database(kind: str, folder: Path) -> AsyncIterator[tuple[HisDatabase, dict[str, str]]]:
    """Yield an empty database of a clinic, and the credentials by which it is read."""
    if kind == "sqlite":
        file = folder / "sik.db"
        database = HisDatabase(URL.create("sqlite+aiosqlite", database=str(file)))
        await database.run("PRAGMA user_version = 1")
        yield database, {"database": str(file)}
        return
    name = f"antar_pack_{secrets.token_hex(4)}"
    server = HisDatabase(MARIADB)
    await server.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        credentials = {"host": MARIADB.host or "", "port": str(MARIADB.port or 3306), "user": MARIADB.username or ""}
        credentials |= {"password": MARIADB.password or "", "database": name}
        yield HisDatabase(MARIADB.set(database=name)), credentials
    finally:
        await server.run(f"DROP DATABASE {name}")
