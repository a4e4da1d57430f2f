"""A database that is killed, cut off, locked or full (faults.md, D1-D4): what was promised is kept, nothing else is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.database import Database
from sandbox.world import World
from tests.chaos.figures import Figures, statuses_of
from tests.chaos.his import His, handing_in
from tests.chaos.proxy import proxy
from tests.chaos.scene import Scene, scene
from tests.chaos.sizes import ALL, PATIENCE
from tests.conftest import POSTGRESQL

pytestmark = pytest.mark.anyio

Report = Callable[[Figures], None]
Test = Callable[..., Any]
OUTAGE = 10.0 if ALL else 1.5
RESUMED = 5.0
"""Seconds."""
REFUSED = 503


def on_postgresql(test: Test) -> Test:
    """Only where there is one."""
    reason = "ANTAR_TEST_DATABASE_URL is not set"
    named = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    marked: Test = pytest.mark.skipif(not POSTGRESQL, reason=reason)(named(test))
    return marked


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@on_postgresql
async def test_nothing_is_promised_while_the_database_is_away(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with proxy(database_url) as (between, address), scene(world, address, url, tmp_path) as stage:
        stage.start_worker()
        stage.start_worker()
        async with handing_in(stage) as his:
            await arrived(stage, 20)
            gone = time.monotonic()
            await between.stop()
            await asyncio.sleep(OUTAGE)
            await between.start()
            back = time.monotonic()
            await resumed(stage, his, database, gone, back)
        await stage.all_settled()
        report(await stage.account(f"D1 database cut off for {OUTAGE} s", gone))


async def arrived(stage: Scene, count: int) -> None:
    """Return when the upstream has so many records."""
    async with asyncio.timeout(PATIENCE):
        while stage.arrived < count:  # noqa: ASYNC110 - the upstream tells nobody
            await asyncio.sleep(0.01)


async def resumed(stage: Scene, his: His, database: Database, gone: float, back: float) -> None:
    """Nothing was taken while the database was away; within seconds all is as before, at the door and behind it."""
    settled = await number_sent(database)
    told = his.between(gone, back)
    assert told, "nobody asked meanwhile"
    assert {answer.status for answer in told} == {REFUSED}
    assert await his.taken_since(back) <= RESUMED
    async with asyncio.timeout(PATIENCE):
        while await number_sent(database) == settled:
            await asyncio.sleep(0.01)
    print("RESUME", await his.taken_since(back), time.monotonic() - back)
    assert time.monotonic() - back <= RESUMED


async def number_sent(database: Database) -> int:
    return (await statuses_of(database)).get("sent", 0)
