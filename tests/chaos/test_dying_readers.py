"""kill -9 of the worker that reads a clinic's database, at each step: nothing lost, twice or wrongly withdrawn."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from engine.catalog.catalog import Catalog, load
from engine.database.database import Database
from engine.database.statements import Command
from engine.facilities.facilities import set_credentials
from engine.sources import states
from sandbox.world import World
from tests.chaos.figures import FaultFigures, named, number
from tests.chaos.scene import Scene, records_of, scene
from tests.chaos.sizes import ALL, WORKERS

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]

Report = Callable[[FaultFigures], None]
KILLS = 3 if ALL else 1  # as many as workers: whichever of them reads is killed
PLACES = 100 if ALL else 30  # departments, and as many rooms: more than may disappear at once
DELETED = 3  # rooms, whose rows a person deletes
STEPS = {
    "R1 before the first row": "source_begun:1",
    "R1 read, not handed in": "source_made:2",
    "R1 during the hand-in": "storing:2",
    "R1 handed in, not told": "stored:2",
    "R1 handed in, not in the ledger": "source_handed_in:2",
    "R1 in the ledger's transaction": "source_noting:2",
    "R1 in the ledger, round not ended": "source_noted:2",
}
QUICK = ("R1 during the hand-in", "R1 handed in, not told")  # the others: tests/engine/sources/test_killed.py
CASES = [pytest.param(case, marks=() if case in QUICK else pytest.mark.chaos) for case in STEPS]
SOURCE = """
sources:
  his:
    label: SIMRS
    system: sqlite
    credentials: {{database: Berkas}}
    patience: 1
    grants: [departments, rooms]
    reads:
      departments: {departments}
      rooms: {rooms}
"""
DUE = Command("UPDATE source_rounds SET due_at = 0 WHERE due_at IS NOT NULL")


def read_of(spec: str, table: str, example: Mapping[str, Any], **more: str) -> str:
    """Return a read of all rows of a table, as YAML that is JSON."""
    own = {"id": "{{ row.id }}", "name": "{{ row.name }}", **more}
    record = {**records_of(dict(example), 0, {}), **own}
    return orjson.dumps(
        {
            "into": spec,
            "by": "window",
            "windows": [{"days": 1, "every": 5}],
            "query": f"SELECT id, name, :since AS day FROM {table} WHERE :since <= :until",
            "key": "{{ row.id }}",
            "record": record,
            "example": {"row": {"id": "POLI-0001", "name": "Poli", "day": ""}},
        }
    ).decode()


class His:
    """The clinic's database, a file with as many departments as rooms."""

    def __init__(self, file: Path) -> None:
        self._file = file
        numbers = [(f"POLI-{n:04}", f"Poli{n:04}") for n in range(PLACES)]
        self.run("CREATE TABLE departments (id TEXT, name TEXT)", "CREATE TABLE rooms (id TEXT, name TEXT)")
        with closing(sqlite3.connect(file)) as connection, connection:
            for table in ("departments", "rooms"):
                connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", numbers)

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self._file)) as connection, connection:
            for statement in statements:
                connection.execute(statement)


@asynccontextmanager
async def read_scene(
    world: World, database_url: str, url: str, folder: Path
) -> AsyncIterator[tuple[Scene, His, Catalog]]:
    """Yield a scene whose workers read a clinic's database from today on."""
    async with scene(world, database_url, url, folder) as stage:
        config = Path(stage.environ["ANTAR_CONFIG_DIR"])
        specs = stage.hub.catalog.specs
        source = SOURCE.format(
            departments=read_of("Organization", "departments", specs["Organization"].example),
            rooms=read_of("Location", "rooms", specs["Location"].example, organization_id="{{ row.id }}"),
        )
        (config / "his.yaml").write_text(source, "utf-8")
        including = config / "resources.yaml"
        including.write_text(including.read_text("utf-8").replace("include:", "include:\n  - his.yaml", 1), "utf-8")
        his, catalog = His(folder / "his.db"), load(config)
        await set_credentials(
            stage.database, stage.hub.vault, stage.facility.id, "source:his", {"database": str(folder / "his.db")}
        )
        today = stage.facility.local(stage.database.clock()).date()
        await states.start(stage.database, stage.facility.id, catalog.sources["his"], today, "sari")
        stage.accepted = 2 * PLACES
        yield stage, his, catalog


async def rows(stage: Scene, state: str) -> int:
    return await number(stage.database, f"SELECT COUNT(*) FROM source_rows WHERE state = '{state}'")


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("case", CASES)
async def test_a_reader_is_killed(
    case: str,
    workers: int,
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Report,
) -> None:
    async with read_scene(world, database_url, url, tmp_path) as (stage, _, _):
        started = time.monotonic()

        async def is_read() -> bool:
            return await rows(stage, "taken") == 2 * PLACES

        await stage.work(workers, STEPS[case], kills=KILLS, until=is_read)
        assert (stage.killed > 0, await rows(stage, "gone")) == (True, 0)
        report(await stage.account(named(case, workers, database), started))


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("failpoint", ["storing:1", "source_withdrawn:1"])
async def test_a_reader_is_killed_while_it_withdraws(
    failpoint: str,
    workers: int,
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Report,
) -> None:
    async with read_scene(world, database_url, url, tmp_path) as (stage, his, _):
        await stage.work(workers, until=lambda: is_all(stage, "taken", 2 * PLACES))
        await stage.dismiss()
        his.run(f"DELETE FROM rooms WHERE id < 'POLI-{DELETED:04}'")
        started = time.monotonic()
        await stage.work(workers, failpoint, kills=KILLS, until=lambda: is_all(stage, "gone", DELETED))
        withdrawn = await database.fetch(text("SELECT key FROM deliveries WHERE withdrawn_at IS NOT NULL ORDER BY key"))
        assert (stage.killed > 0, [row.key for row in withdrawn]) == (True, [f"POLI-{n:04}" for n in range(DELETED)])
        step = "R1 while withdrawing" if failpoint.startswith("storing") else "R1 withdrawn, not in the ledger"
        report(await stage.account(named(step, workers, database), started))


@pytest.mark.parametrize("workers", WORKERS)
async def test_a_reader_is_killed_at_an_emptied_database(
    workers: int, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with read_scene(world, database_url, url, tmp_path) as (stage, his, _):
        await stage.work(workers, until=lambda: is_all(stage, "taken", 2 * PLACES))
        await stage.dismiss()
        his.run("DELETE FROM rooms", "DELETE FROM departments")
        started = time.monotonic()

        async def is_stopped() -> bool:
            return (await states.states(database, stage.facility.id))["his"].fault == "many_gone"

        await stage.work(workers, "source_begun:1", kills=KILLS, until=is_stopped)
        assert (stage.killed > 0, await rows(stage, "gone"), await rows(stage, "taken")) == (True, 0, 2 * PLACES)
        assert await number(database, "SELECT COUNT(*) FROM deliveries WHERE withdrawn_at IS NOT NULL") == 0
        report(await stage.account(named("R3 emptied database", workers, database), started))


async def is_all(stage: Scene, state: str, count: int) -> bool:
    """Return whether the ledger has that many rows of a state; until then let the rounds be due at once."""
    if await rows(stage, state) == count:
        return True
    await stage.database.execute(DUE, {})
    return False
