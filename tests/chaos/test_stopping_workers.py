"""Workers that are asked to stop, and several that look at the same deliveries at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.database.database import Database
from engine.worker import GRACE_SECONDS
from sandbox.world import World
from tests.chaos.figures import FaultFigures, statuses_of
from tests.chaos.scene import scene
from tests.chaos.sizes import PATIENCE

pytestmark = pytest.mark.anyio


async def test_a_worker_asked_to_stop_ends_what_is_on_its_way_and_gives_back_the_rest(
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Callable[[FaultFigures], None],
) -> None:
    world.faults.add(barrier="gate", barrier_at="after", method="POST", path="/Organization", times=4)
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        stage.start_worker()
        assert await asyncio.to_thread(world.barriers["gate"].reached, 4, PATIENCE)
        started = time.monotonic()
        stopping = asyncio.create_task(stage.dismiss())
        await asyncio.sleep(0)  # the stop was requested
        world.barriers["gate"].release()
        assert await stopping == [0]
        assert time.monotonic() - started < GRACE_SECONDS
        assert set(await statuses_of(database)) <= {"sent", "queued", "blocked"}
        await stage.work()
        report(await stage.account(f"K10 SIGTERM under load, {database.dialect}", started))


async def test_workers_that_sweep_at_the_same_moment_send_once(
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Callable[[FaultFigures], None],
) -> None:
    """No bell rings: every worker finds the due deliveries by itself, at about the same moment."""
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        started = time.monotonic()
        await stage.work(workers=3)
        report(await stage.account(f"S1 three sweeps at once, {database.dialect}", started))
