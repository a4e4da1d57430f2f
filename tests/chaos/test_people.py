"""People who click twice, at once and too late: each is informed, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from admin.app import create_app
from admin.people import users
from engine.database.database import Database
from engine.facilities.facilities import new_api_key
from engine.jobs import jobs
from engine.jobs.jobs import Action
from engine.queries.deliveries import Filters
from sandbox.world import World
from tests.admin.conftest import PASSWORD, log_in
from tests.admin.pages.test_editor import form_of
from tests.chaos.figures import FaultFigures, number, statuses_of
from tests.chaos.processes import BATCH
from tests.chaos.scene import Scene, scene
from tests.chaos.sizes import ALL, PATIENCE, RECORDS, WORKERS
from tests.chaos.test_upstream_storms import posts_of

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]

Report = Callable[[FaultFigures], None]
Click = Callable[[int], Awaitable[str]]
CLICKS = 50
EDITED = 20 if ALL else 3
ORGANIZATIONS = {"method": "POST", "path": "/fhir-r4/v1/Organization"}
OWN = {"Sec-Fetch-Site": "same-origin"}


@asynccontextmanager
async def client(stage: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the real application."""
    transport = httpx.ASGITransport(create_app(stage.hub))
    async with httpx.AsyncClient(transport=transport, base_url="http://antar.test", timeout=PATIENCE) as somebody:
        yield somebody


@asynccontextmanager
async def person(stage: Scene, name: str) -> AsyncIterator[httpx.AsyncClient]:
    await users.add_user(stage.database, name, PASSWORD)
    async with client(stage) as somebody:
        assert (await log_in(somebody, name)).status_code == 303
        yield somebody


@asynccontextmanager
async def by_api(stage: Scene) -> AsyncIterator[Click]:
    key = await new_api_key(stage.database, stage.facility.id, "simrs")
    async with client(stage) as his:

        async def click(id_: int) -> str:
            answer = await his.post(f"/api/v1/deliveries/{id_}/resend", headers={"Authorization": f"Bearer {key}"})
            content = answer.json()
            return str(content["outcome"] if answer.is_success else content["error"]["code"])

        yield click


@asynccontextmanager
async def by_panel(stage: Scene) -> AsyncIterator[Click]:
    async with person(stage, "sari") as sari:

        async def click(id_: int) -> str:
            answer = await sari.post(f"/integrasi/satusehat/Organization/{id_}/resend", headers=OWN)
            return answer.headers["location"].partition("told=")[2]

        yield click


ENTRY_POINTS = {"API": by_api, "panel": by_panel}


async def refused(stage: Scene, times: int | None = None) -> list[int]:
    """Return deliveries that the upstream has refused; deliveries that need them wait."""
    await stage.hand_in()
    fault = stage.world.faults.add("error-in-200", **ORGANIZATIONS, times=times)
    await stage.work()
    await stage.dismiss()
    fault.times = 0
    rows = await stage.database.fetch(text("SELECT id FROM deliveries WHERE status = 'failed' ORDER BY id"))
    return [int(id_) for (id_,) in rows]


@pytest.mark.parametrize("entry_point", ["API", pytest.param("panel", marks=pytest.mark.chaos)])
async def test_fifty_clicks_at_once_send_once(
    entry_point: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage, ENTRY_POINTS[entry_point](stage) as click:
        [id_] = await refused(stage, times=1)
        before, tries = posts_of(world), await tries_of(database, id_)
        started = time.monotonic()
        stage.start_worker()
        outcomes = Counter(await asyncio.gather(*(click(id_) for _ in range(CLICKS))))
        await stage.work()
        assert outcomes["done"] == 1
        assert set(outcomes) <= {"done", "already", "already_sent", "needs_force"}
        assert await tries_of(database, id_) == tries + 1
        assert posts_of(world) == before + 1 + WAITING
        report(await stage.account(f"P1 {CLICKS} resends of one, {entry_point}, {database.dialect}", started))
        assert await statuses_of(database) == {"sent": RECORDS}


WAITING = 1  # one room waits for each department


async def tries_of(database: Database, id_: int) -> int:
    return await number(database, f"SELECT COUNT(*) FROM attempts WHERE delivery_id = {id_}")


async def test_of_two_editors_the_second_is_told_the_difference(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage, person(stage, "sari") as sari:
        async with person(stage, "budi") as budi:
            ids = (await refused(stage))[:EDITED]
            started = time.monotonic()
            won = [await both_save(id_, {"sari": sari, "budi": budi}) for id_ in ids]
        await stage.work()
        report(await stage.account(f"P2 two editors of {EDITED}, {database.dialect}", started))
        stored = world.satusehat.store.of_type("Organization")
        arrived = [room.resource["name"] for room in stored if room.resource["name"].startswith("Ditulis")]
        assert sorted(arrived) == sorted(won)


async def both_save(id_: int, people: dict[str, httpx.AsyncClient]) -> str:
    """Save as two people; return the saved text. The second sees it beside their own text, which stays."""
    address = f"/integrasi/satusehat/Organization/{id_}/ubah"
    forms = {name: form_of((await client_.get(address)).text) for name, client_ in people.items()}
    for name, form in forms.items():
        form["body"] = form["body"].replace('"name": "Poli', f'"name": "Ditulis {name} {id_}-')
    saves = [client_.post(address, data=forms[name], headers=OWN) for name, client_ in people.items()]
    answers = dict(zip(people, await asyncio.gather(*saves), strict=True))
    [first, second] = sorted(answers, key=lambda name: answers[name].status_code)
    page = answers[second].text
    assert (answers[first].status_code, answers[second].status_code) == (303, 409)
    assert f"Ditulis {second} {id_}" in form_of(page)["body"]
    assert f"Ditulis {first} {id_}" in page
    return forms[first]["body"].partition('"name": "')[2].partition('"')[0]


# Rooms are left out: one that waits for its department may just be about to be blocked.
HELD_UP = """
SELECT id FROM deliveries WHERE id IN (SELECT delivery_id FROM held_deliveries) AND spec = 'Organization'
ORDER BY id LIMIT 20
"""


async def test_what_is_on_its_way_is_not_sent_a_second_time(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    world.faults.add(barrier="gate", barrier_at="before", **ORGANIZATIONS)
    async with scene(world, database_url, url, tmp_path) as stage, by_api(stage) as click:
        stage.wait_longer()
        await stage.hand_in()
        stage.start_worker()
        assert await asyncio.to_thread(world.barriers["gate"].reached, 4, PATIENCE)
        started = time.monotonic()
        sending = await database.fetch(text(HELD_UP))
        outcomes = await asyncio.gather(*(click(id_) for (id_,) in sending for _ in range(3)))
        world.faults.clear()
        world.barriers["gate"].release()
        assert set(outcomes) == {"already"}
        await stage.work()
        report(await stage.account(f"P3 resent while it is sent, {database.dialect}", started))
        assert posts_of(world) == RECORDS


@pytest.mark.parametrize("workers", WORKERS)
async def test_a_bulk_resend_during_another_sends_nothing_twice(
    workers: int, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        ids = await refused(stage)
        before, started = posts_of(world), time.monotonic()
        begun = await asyncio.gather(*(begin(stage, who) for who in ("sari", "budi", "sari")))
        await stage.work(workers, until=lambda: no_job_runs(database))
        report(await stage.account(f"P3 three bulk resends at once, {workers} workers, {database.dialect}", started))
        done = "SELECT COUNT(*), COUNT(DISTINCT delivery_id) FROM job_items WHERE outcome = 'done'"
        assert await database.fetch(text(done)) == [(len(ids), len(ids))]
        assert await number(database, "SELECT COUNT(*) FROM job_items WHERE outcome IS NULL") == 0
        assert await number(database, "SELECT COUNT(*) FROM jobs WHERE state = 'done'") == len(begun)
        assert posts_of(world) == before + (1 + WAITING) * len(ids)


async def begin(stage: Scene, who: str) -> int:
    return await jobs.start(
        stage.database,
        stage.facility.id,
        "satusehat",
        Action.RESEND,
        Filters(specs=["Organization"], statuses=["failed"]),
        chosen={},
        reason="sudah diperbaiki",
        actor=who,
    )


async def no_job_runs(database: Database) -> bool:
    return not await number(database, "SELECT COUNT(*) FROM jobs WHERE state = 'running'")


async def test_a_bulk_resend_cancelled_half_way_leaves_the_rest_alone(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    """Kill the worker in its second batch, so that half-way is a fixed place and not a moment."""
    async with scene(world, database_url, url, tmp_path) as stage:
        ids = await refused(stage)
        started = time.monotonic()
        job = await begin(stage, "sari")
        dying = stage.start_worker("job_batch:2")
        await asyncio.to_thread(dying.join, PATIENCE)
        assert dying.exitcode == -signal.SIGKILL
        assert await jobs.move(database, stage.facility.id, job, "cancel", "budi")
        await stage.work()
        report(await stage.account(f"P3 bulk resend cancelled half-way, {database.dialect}", started))
        outcomes = "SELECT outcome, COUNT(*) FROM job_items GROUP BY outcome"
        assert dict(await database.fetch(text(outcomes))) == {"done": BATCH, None: len(ids) - BATCH}
        left = (1 + WAITING) * (len(ids) - BATCH)
        assert await number(database, "SELECT COUNT(*) FROM deliveries WHERE status = 'sent'") == RECORDS - left
