"""One of two machines has a wrong wall clock and is then corrected: leases go by the database's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.database.database import Database
from sandbox.world import World
from tests.chaos.figures import FaultFigures, number
from tests.chaos.processes import LEASE
from tests.chaos.scene import scene
from tests.chaos.sizes import PATIENCE, RECORDS
from tests.chaos.test_upstream_storms import posts_of

pytestmark = pytest.mark.anyio

TEN_MINUTES = 600
SLOTS = 16


@pytest.mark.parametrize("ahead", [TEN_MINUTES, pytest.param(-TEN_MINUTES, marks=pytest.mark.chaos)])
async def test_a_clock_that_is_wrong_and_then_set_sends_nothing_twice(
    ahead: int,
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Callable[[FaultFigures], None],
) -> None:
    if database.dialect != "postgresql":
        pytest.skip("on SQLite all processes are on one machine and share its clock")
    async with scene(world, database_url, url, tmp_path) as stage:
        stage.wait_longer()
        await stage.hand_in()
        world.faults.add("slow", latency=2 * LEASE / 1000 / (RECORDS / SLOTS + 2), method="POST", path="/fhir-r4/")
        started = time.monotonic()
        stage.start_worker(ahead=ahead)
        stage.start_worker()
        async with asyncio.timeout(PATIENCE):
            await stage.all_settled()
        assert time.monotonic() - started > LEASE / 1000
        report(await stage.account(f"U9 a clock {ahead:+} s off, then set, {database.dialect}", started))
        assert posts_of(world) == RECORDS
        assert await number(database, "SELECT COUNT(*) FROM attempts WHERE operation = 'lost'") == 0
