"""kill -9 at every step of a delivery: nothing is lost, nothing is created twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.database.database import Database
from sandbox.world import World
from tests.chaos.figures import FaultFigures, named
from tests.chaos.processes import Process
from tests.chaos.proxy import proxy
from tests.chaos.scene import Scene, scene
from tests.chaos.sizes import DELIVERIES_PER_KILL, KILLS, PATIENCE, REPEATS, WORKERS

pytestmark = pytest.mark.anyio

Report = Callable[[FaultFigures], None]
PER_BATCH, PER_DELIVERY = 2, DELIVERIES_PER_KILL
FAILPOINTS = {
    "K1 before the claim": f"claiming:{PER_BATCH}",
    "K2 after the claim": f"claimed:{PER_BATCH}",
    "K3 after rendering": f"prepared:{PER_BATCH}",
    "K3 allowed to send": f"begun:{PER_BATCH}",
    "K4 before the first byte": f"before_send:{PER_DELIVERY}",
    "K7 answered, not settled": f"answered:{PER_DELIVERY}",
    "K7 before the settling": f"before_settle:{PER_BATCH}",
    "K8 during the settling": f"settling:{PER_BATCH}",
    "K8 during the release of references": f"released:{PER_BATCH}",
}


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("case", FAILPOINTS)
@pytest.mark.parametrize("repeat", range(REPEATS))
async def test_killed_by_itself(
    repeat: int,
    case: str,
    workers: int,
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Report,
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        started = time.monotonic()
        await stage.work(workers, FAILPOINTS[case], kills=KILLS)
        await finished(stage)
        assert stage.killed > 0
        report(await stage.account(named(case, workers, database), started))


HELD = {"K4 connected, no byte sent": 0, "K5 half of the body sent": 900}


@pytest.mark.any_database
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("case", HELD)
@pytest.mark.parametrize("repeat", range(REPEATS))
async def test_killed_with_a_request_half_on_its_way(
    repeat: int,
    case: str,
    workers: int,
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Report,
) -> None:
    async with proxy(url) as (between, address), scene(world, database_url, address, tmp_path) as stage:
        await stage.hand_in()
        started = time.monotonic()
        for _ in range(KILLS):
            between.hold(b"POST /fhir-r4/v1/", HELD[case])
            crew = [stage.start_worker() for _ in range(workers)]
            await asyncio.wait_for(between.held.wait(), PATIENCE)
            await kill(crew)
        await stage.work(workers)
        await finished(stage)
        report(await stage.account(named(case, workers, database), started))


MOMENTS = {"K6 all sent, nothing stored": "before", "K6 stored, no answer": "after"}


@pytest.mark.any_database
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("case", MOMENTS)
@pytest.mark.parametrize("repeat", range(REPEATS))
async def test_killed_while_the_upstream_works(
    repeat: int,
    case: str,
    workers: int,
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Report,
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        started = time.monotonic()
        for _ in range(KILLS):
            world.faults.add(barrier="gate", barrier_at=MOMENTS[case], method="POST", path="/fhir-r4/", times=4)
            crew = [stage.start_worker() for _ in range(workers)]
            assert await asyncio.to_thread(world.barriers["gate"].reached, 4, PATIENCE)
            await kill(crew)
            world.faults.clear()
            world.barriers["gate"].release()
        await stage.work(workers)
        await finished(stage)
        report(await stage.account(named(case, workers, database), started))


async def kill(crew: list[Process]) -> None:
    for process in crew:
        process.kill()
        await asyncio.to_thread(process.join, PATIENCE)


async def finished(stage: Scene) -> None:
    """Resend, as a person would, the deliveries that killed three workers, and wait until all are sent."""
    while await stage.resend_set_aside():
        await stage.work()
