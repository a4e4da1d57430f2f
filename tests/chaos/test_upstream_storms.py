"""An upstream that misbehaves under load, end to end: nothing lost, nothing created twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from engine.database.database import Database
from engine.outbox.pauses import pauses as pause_module
from engine.outbox.pauses.pauses import AUTOMATIC, current_pauses
from engine.sending.refused_paths import REFUSALS
from sandbox.world import World
from tests.chaos.figures import FaultFigures, number, statuses_of
from tests.chaos.proxy import proxy
from tests.chaos.scene import scene
from tests.chaos.sizes import ALL, PATIENCE, RECORDS

pytestmark = [pytest.mark.anyio, pytest.mark.any_database]

Report = Callable[[FaultFigures], None]
CREATES: dict[str, Any] = {"method": "POST", "path": "/fhir-r4/v1/(Organization|Location)"}
STRUCK = RECORDS // 4
STORED, NOT_STORED, REFUSED = "stored", "not stored", "refused"
ANSWERS = {
    "U1 timeout, nothing stored": ("timeout-before-commit", {}, NOT_STORED),
    "U2 timeout, stored": ("timeout-after-commit", {}, STORED),
    "U3 reset in the request": ("reset-mid-request", {}, NOT_STORED),
    "U3 reset before the answer": ("reset-after-commit", {}, STORED),
    "U3 reset in the answer": ("reset-mid-response", {}, STORED),
    "U3 closed in the answer": ("close-mid-response", {}, STORED),
    "U4 single 500, nothing stored": ("gateway-500", {}, NOT_STORED),
    "U4 single 504, stored": ("plain-504-after-commit", {}, STORED),
    "U7 malformed JSON": ("malformed-json", {}, STORED),
    "U7 error in a 200": ("error-in-200", {}, REFUSED),
    "U7 empty 201": ("empty-201", {}, STORED),
    "U7 an id of the wrong type": ("wrong-id-type", {}, STORED),
    "U7 the outcome suppressed": ("suppressed-201", {}, STORED),
    "U8 a byte a second": ("slow-body", {"rate": 1}, STORED),
}

# similar to others, or slow
MARKS = dict.fromkeys(("U3 closed in the answer", "U7 an id of the wrong type"), pytest.mark.chaos)


@pytest.mark.parametrize("case", [pytest.param(case, marks=MARKS.get(case, ())) for case in ANSWERS])
async def test_every_fourth_create_goes_wrong(
    case: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    preset, overrides, outcome = ANSWERS[case]
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        fault = world.faults.add(preset, **CREATES, **overrides, every=4, times=STRUCK)
        started = time.monotonic()
        await stage.work()
        report(await stage.account(f"{case}, {database.dialect}", started))
        assert fault.struck > STRUCK / 2
        statuses = await statuses_of(database)
        if outcome == REFUSED:
            assert statuses["failed"] == fault.struck
            assert await number(database, REASONS) == fault.struck
        else:
            assert statuses == {"sent": RECORDS}
            assert posts_of(world) == RECORDS + (fault.struck if outcome == NOT_STORED else 0)


def posts_of(world: World) -> int:
    """Return the number of creates that arrived at the upstream, whole or in part."""
    posts = world.witness.summary()["posts"]
    return int(posts.get("Organization", 0) + posts.get("Location", 0))


OUTAGES = {"U4 500 of everything": "gateway-500", "U4 502 in HTML": "html-502", "U4 503": "plain-503"}


@pytest.mark.parametrize("case", OUTAGES)
async def test_an_outage_is_probed_one_at_a_time(
    case: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        world.faults.set_outage(OUTAGES[case], path="/fhir-r4/")
        started = time.monotonic()
        working = asyncio.create_task(stage.work())
        await asyncio.sleep(OUTAGE)
        seen = requests_of(world)
        world.faults.end_outage()
        assert seen <= SLOTS + BREAKER + (time.monotonic() - started) / PAUSE
        await working
        report(await stage.account(f"{case}, {database.dialect}", started))


# Of the hurried configuration: failures that open the breaker, concurrent requests, seconds until a probe.
BREAKER, SLOTS, PAUSE = 10, 16, 0.5
OUTAGE = 60.0 if ALL else 1.5  # seconds


def requests_of(world: World) -> int:
    """Return the number of requests for deliveries; tokens and code lists have other paths."""
    requests = world.witness.summary()["requests"]
    return sum(n for label, n in requests.items() if label.endswith((" Organization", " Location")))


async def test_a_path_that_refuses_everything_leaves_the_others_alone(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        refusal = world.faults.add("html-403", method="POST", path="/fhir-r4/v1/Location")
        started = time.monotonic()
        working = asyncio.create_task(stage.work(workers=2))
        await stage.has_arrived(RECORDS // 2)  # all departments, and none of the rooms
        async with asyncio.timeout(PATIENCE):
            while not (found := await current_pauses(database)):  # noqa: ASYNC110 - polls the workers
                await asyncio.sleep(0.05)
        assert [(pause.spec, pause.path, pause.actor) for pause in found] == [("Location", "POST /Location", AUTOMATIC)]
        assert await number(database, "SELECT COUNT(*) FROM channels") == 0
        # Requests of batches that were claimed before the pause was stored, of two workers.
        assert refusal.struck <= 4 * SLOTS + 2 * REFUSALS
        async with asyncio.timeout(PATIENCE):  # a person comes later than the answers to what was on its way
            while await number(database, "SELECT COUNT(*) FROM held_deliveries"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        world.faults.clear()
        await pause_module.end(database, found[0].id, "sari")
        await working
        report(await stage.account(f"U11 a path that refuses everything, {database.dialect}", started))
        assert await statuses_of(database) == {"sent": RECORDS}


async def until(done: Callable[[], bool], within: float) -> None:
    """Return when the condition holds, at the latest after `within` seconds."""
    ends = time.monotonic() + within
    while not done() and time.monotonic() < ends:  # noqa: ASYNC110 - polls the sandbox
        await asyncio.sleep(0.02)


def in_three_seconds() -> dict[str, str]:
    """Return a Retry-After date, fractions of a second cut off; it is fixed now, not when it is answered."""
    return {"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)}


@pytest.mark.parametrize(
    ("case", "headers", "pause"),
    [
        ("U5 429, seconds", lambda: {"retry-after": "2"}, 2.0),
        ("U5 429, a date", in_three_seconds, 2.0),
        pytest.param("U5 429, nothing said", dict, 0.5, marks=pytest.mark.chaos),
        ("U5 429, negative", lambda: {"retry-after": "-5"}, 0.5),
    ],
)
async def test_nothing_is_posted_before_the_time_that_was_asked_for(
    case: str,
    headers: Callable[[], dict[str, str]],
    pause: float,
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Report,
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        named = time.monotonic()
        fault = world.faults.add("quota", **CREATES, after=2, times=1, headers=headers())
        working = asyncio.create_task(stage.work())
        await until(lambda: bool(fault.struck), PATIENCE)
        started = time.monotonic()
        await stage.idle()
        before = posts_of(world)
        await until(lambda: posts_of(world) > min(before, RECORDS), PATIENCE)
        assert time.monotonic() - (named if headers is in_three_seconds else started) >= pause
        await working
        report(await stage.account(f"{case}, {database.dialect}", started))


@pytest.mark.parametrize(
    ("case", "preset", "overrides"),
    [
        ("U6 the token expires under way", "expire-tokens", {"after": RECORDS // 3, "path": "/fhir-r4/"}),
        ("U6 the token endpoint is slow", "token-slow", {"latency": 0.5}),
        pytest.param("U6 the token endpoint answers 500", "token-500", {}, marks=pytest.mark.chaos),
    ],
)
async def test_a_token_is_renewed_once_for_all(
    case: str,
    preset: str,
    overrides: dict[str, Any],
    world: World,
    url: str,
    database: Database,
    database_url: str,
    tmp_path: Path,
    report: Report,
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        stage.wait_longer()  # a request that a busy machine answers after a second would be tried again for that
        await stage.hand_in()
        world.faults.add(preset, **overrides, times=1)
        started = time.monotonic()
        await stage.work(workers=3)
        report(await stage.account(f"{case}, {database.dialect}", started))
        assert world.witness.summary()["token_posts"] <= 2
        assert posts_of(world) <= RECORDS + 3 * SLOTS
        assert await number(database, MOST_POSTS) <= 2


REASONS = "SELECT COUNT(*) FROM deliveries WHERE status = 'failed' AND problem <> '' AND cause IS NOT NULL"
MOST_POSTS = "SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM attempts GROUP BY delivery_id) AS tries"

FLOODS = {
    "U8 an answer of 50 MB": "huge-body",
    "U8 an answer without end": "endless-body",
    "U8 a gzip bomb": "gzip-bomb",
}
RISE = 32 * 1024  # kilobytes that a worker's memory may rise


@pytest.mark.parametrize("case", FLOODS)
async def test_an_answer_too_large_is_cut_and_takes_no_memory(
    case: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        await stage.hand_in()
        worker = stage.start_worker()
        async with asyncio.timeout(PATIENCE):
            await stage.all_settled()
            before = peak_of(worker.pid)
            await stage.hand_in(first=RECORDS)
            world.faults.add(FLOODS[case], **CREATES, every=8, times=4)
            started = time.monotonic()
            await stage.all_settled()
        assert peak_of(worker.pid) - before <= RISE
        report(await stage.account(f"{case}, {database.dialect}", started))
        assert await statuses_of(database) == {"sent": 2 * RECORDS}


def peak_of(pid: int | None) -> int:
    """Return the peak memory of a process in kilobytes."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@pytest.mark.chaos
async def test_an_upstream_that_nobody_reaches_is_never_in_doubt(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with proxy(url) as (between, address), scene(world, database_url, address, tmp_path) as stage:
        await stage.hand_in()
        await between.stop()
        started = time.monotonic()
        working = asyncio.create_task(stage.work())
        await asyncio.sleep(OUTAGE / 2)
        statuses = await statuses_of(database)
        assert "unsure" not in statuses
        await between.start()
        await working
        report(await stage.account(f"U10 connection refused, {database.dialect}", started))
        assert posts_of(world) == RECORDS
