"""A database that is killed, cut off, locked or full: everything that was accepted is kept, nothing else is."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from engine.database.database import Database
from sandbox.world import World
from tests.chaos.cluster import BINARIES, ROOT, cluster, disk, fill, folder_of_its_own
from tests.chaos.figures import FaultFigures, statuses_of
from tests.chaos.his import His, handing_in, statuses
from tests.chaos.proxy import Proxy, proxy
from tests.chaos.scene import Scene, scene
from tests.chaos.sizes import ALL, PATIENCE
from tests.conftest import POSTGRESQL

pytestmark = pytest.mark.anyio

Report = Callable[[FaultFigures], None]
Test = Callable[..., Any]
OUTAGE = 10.0 if ALL else 1.5
RESUMED = 5.0  # seconds
UNAVAILABLE = 503


def on_postgresql(test: Test) -> Test:
    """Run the test only where there is a PostgreSQL."""
    named = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)(test)
    marked: Test = pytest.mark.skipif(not POSTGRESQL, reason="ANTAR_TEST_DATABASE_URL is not set")(named)
    return marked


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
with_a_server_of_its_own = pytest.mark.skipif(BINARIES is None, reason="there is no initdb of a PostgreSQL server")
with_a_disk_of_its_own = pytest.mark.skipif(not ROOT, reason="only root mounts a small disk")


@on_postgresql
async def test_nothing_is_promised_while_the_database_is_away(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with proxy(database_url) as (between, address), scene(world, address, url, tmp_path) as stage:
        stage.start_worker()
        stage.start_worker()
        async with handing_in(stage) as his:
            await stage.has_arrived(20)
            gone = time.monotonic()
            await between.stop()
            await asyncio.sleep(OUTAGE)
            back = time.monotonic()
            await between.start()
            assert statuses(his.between(gone, back)) == {UNAVAILABLE}
            after = await resumed(stage, his, back)
        await stage.all_settled()
        report(await stage.account(f"D1 no way to the database, back after {after:.1f} s, postgresql", gone))


@pytest.mark.chaos
@with_a_server_of_its_own
async def test_a_database_that_is_killed_is_come_back_to(
    world: World, url: str, tmp_path: Path, report: Report
) -> None:
    with folder_of_its_own() as folder, cluster(folder) as server:
        async with scene(world, server.url, url, tmp_path) as stage:
            stage.start_worker()
            await stage.start_web()
            async with handing_in(stage, address=stage.address) as his:
                await stage.has_arrived(200)
                gone = time.monotonic()
                await asyncio.to_thread(server.kill)
                await asyncio.sleep(OUTAGE)
                assert statuses(his.between(gone, time.monotonic())) == {UNAVAILABLE}
                await asyncio.to_thread(server.start)
                after = await resumed(stage, his, time.monotonic())
            await stage.all_settled()
            report(await stage.account(f"D1 database killed, back after {after:.1f} s, postgresql", gone))


@on_sqlite
async def test_a_database_file_outlives_who_is_killed_while_writing(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        web = await stage.start_web()
        async with handing_in(stage, size=10, address=stage.address) as his:
            for _ in range(KILLED):
                await stage.has_arrived(stage.arrived + 50)
                killed = time.monotonic()
                web.kill()
                await asyncio.to_thread(web.join, PATIENCE)
                assert integrity(database_url) == "ok"
                web = await stage.start_web()
                his.address = stage.address
            await his.taken_since(killed)
        await stage.all_settled()
        report(await stage.account(f"D1 killed while writing, {KILLED} times, sqlite", killed))


KILLED = 10 if ALL else 2


def integrity(database_url: str) -> str:
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
        [(word,)] = connection.execute("PRAGMA integrity_check").fetchall()
    return str(word)


@on_postgresql
@pytest.mark.parametrize("way", ["ended by the server", pytest.param("reset", marks=pytest.mark.chaos)])
async def test_connections_that_are_cut_again_and_again_cost_less_than_half(
    way: str, world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with proxy(database_url) as (between, address), scene(world, address, url, tmp_path) as stage:
        stage.start_worker()
        async with handing_in(stage, size=25, at_once=2):
            await stage.has_arrived(100)
            started, calm, cut = time.monotonic(), 0, 0
            for _ in range(ROUNDS):
                calm += await sent_in_a_span(stage)
                cutting = asyncio.create_task(cut_again(between if way == "reset" else database))
                cut += await sent_in_a_span(stage)
                cutting.cancel()
        share = cut / max(calm, 1)
        await stage.all_settled()
        report(await stage.account(f"D2 connections {way}, {share:.0%} of the throughput, postgresql", started))
        assert share >= MIN_SHARE


# Alternating, so that both meet the same neighbours; seconds, in all and from cut to cut.
ROUNDS, SPAN, BETWEEN = (5, 6.0, 2.0) if ALL else (2, 0.8, 0.4)
MIN_SHARE = 0.5 if ALL else 0.0  # In less than a second, other load on the machine counts for more.


async def sent_in_a_span(stage: Scene) -> int:
    before = stage.arrived
    await asyncio.sleep(SPAN)
    return stage.arrived - before


async def cut_again(at: Proxy | Database) -> None:
    while True:
        if isinstance(at, Proxy):
            at.cut()
        else:
            await at.fetch(text(_END))
        await asyncio.sleep(BETWEEN)


_END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_a_lock_that_another_holds_is_waited_for(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        stage.start_worker()
        async with handing_in(stage) as his:
            await stage.has_arrived(20)
            async with locked(database_url):
                held = time.monotonic()
                await asyncio.sleep(OUTAGE)
                released = time.monotonic()
            after = await resumed(stage, his, released)
        assert not his.between(held, released)
        assert statuses(his.answers) == {200}
        await stage.all_settled()
        report(await stage.account(f"D3 locked, back after {after:.1f} s, {database.dialect}", held))


@on_sqlite
async def test_a_lock_that_takes_too_long_is_a_refusal(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        await set_(stage.database, "busy_timeout=100")
        stage.start_worker()
        async with handing_in(stage) as his:
            await stage.has_arrived(20)
            async with locked(database_url):
                held = time.monotonic()
                await asyncio.sleep(OUTAGE)
                assert statuses(his.between(held, time.monotonic())) == {UNAVAILABLE}
            after = await resumed(stage, his, time.monotonic())
        await stage.all_settled()
        report(await stage.account(f"D3 locked for too long, back after {after:.1f} s, sqlite", held))


async def set_(database: Database, pragma: str) -> None:
    """Set a pragma for writers in this process."""
    await database.on_connection(lambda connection: connection.exec_driver_sql(f"PRAGMA {pragma}").all())


@asynccontextmanager
async def locked(database_url: str) -> AsyncIterator[None]:
    """Hold, in another process, the lock that every writer needs."""
    if not database_url.startswith("sqlite"):
        connection = await asyncpg.connect(database_url)
        async with connection.transaction():
            await connection.execute("LOCK TABLE deliveries")
            yield
        await connection.close()
        return
    path = database_url.removeprefix("sqlite:///")
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", _HOLD, path, stdin=PIPE, stdout=PIPE)
    assert holder.stdin
    assert holder.stdout
    assert await holder.stdout.readline() == b"held\n"
    try:
        yield
    finally:
        holder.stdin.close()
        await holder.wait()


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@on_sqlite
async def test_a_database_without_room_says_so_at_the_door(
    world: World, url: str, database: Database, database_url: str, tmp_path: Path, report: Report
) -> None:
    async with scene(world, database_url, url, tmp_path) as stage:
        stage.start_worker()
        async with handing_in(stage, size=10) as his:
            await stage.has_arrived(20)
            await set_(stage.database, "max_page_count=1")  # never less than there are
            started = time.monotonic()
            await stage.until(lambda: any("disk" in answer.words for answer in his.answers))
            await set_(stage.database, "max_page_count=1000000")
            after = await resumed(stage, his, time.monotonic())
        await stage.all_settled()
        report(await stage.account(f"D4 no room, back after {after:.1f} s, sqlite", started))


@pytest.mark.chaos
@with_a_disk_of_its_own
async def test_a_full_disk_loses_nothing_sqlite(world: World, url: str, tmp_path: Path, report: Report) -> None:
    with disk(64) as folder:
        await full_and_roomy_again(f"sqlite:///{folder}/antar.sqlite3", folder, world, url, tmp_path, report)


@pytest.mark.chaos
@with_a_server_of_its_own
@with_a_disk_of_its_own
async def test_a_full_disk_loses_nothing_postgresql(world: World, url: str, tmp_path: Path, report: Report) -> None:
    with disk(128) as folder, cluster(folder) as server:
        await full_and_roomy_again(server.url, folder, world, url, tmp_path, report, server.ensure)


async def full_and_roomy_again(
    database_url: str,
    folder: Path,
    world: World,
    url: str,
    tmp_path: Path,
    report: Report,
    ensure: Callable[[], object] = lambda: None,
) -> None:
    """Fill the disk and free it again; `ensure` restarts stopped processes, as a supervisor would."""
    async with scene(world, database_url, url, tmp_path) as stage:
        stage.start_worker()
        await stage.start_web()
        async with handing_in(stage, size=10, address=stage.address) as his:
            await stage.has_arrived(200)
            filler, started = fill(folder), time.monotonic()
            await stage.until(lambda: UNAVAILABLE in statuses(his.between(started, time.monotonic())))
            await asyncio.sleep(OUTAGE)
            assert statuses(his.between(started, time.monotonic())) <= {200, UNAVAILABLE}
            filler.unlink()
            await asyncio.to_thread(ensure)
            after = await resumed(stage, his, time.monotonic())
        await stage.all_settled()
        report(await stage.account(f"D4 disk full, back after {after:.1f} s, {stage.database.dialect}", started))


async def resumed(stage: Scene, his: His, back: float) -> float:
    """Return the seconds until intake and delivery were as before."""
    before = await number_sent(stage)
    await his.taken_since(back)
    async with asyncio.timeout(PATIENCE):
        while await number_sent(stage) == before:  # noqa: ASYNC110 - polls the database
            await asyncio.sleep(0.01)
    seconds = time.monotonic() - back
    assert seconds <= RESUMED
    return seconds


async def number_sent(stage: Scene) -> int:
    return (await statuses_of(stage.database)).get("sent", 0)
