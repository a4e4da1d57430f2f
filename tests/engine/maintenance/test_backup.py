"""Backup under load, and restore into an empty database: the same content, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from engine.actors import make_broker
from engine.database.migrate import head
from engine.delivery.types import Channel
from engine.errors import AntarError
from engine.facilities.facilities import add_facility, set_credentials
from engine.facilities.vault import new_key
from engine.hub import Hub
from engine.maintenance.backup import back_up
from engine.maintenance.pg_tools import environment
from engine.maintenance.restore import mark_restored, restore
from engine.outbox import counters
from engine.settings import Settings
from engine.worker import Worker
from sandbox.embedded import running
from sandbox.world import World
from tests.conftest import SECRETS, Clock
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

ROWS = "SELECT * FROM deliveries WHERE id <= :last ORDER BY id"
PATIENCE = 60.0


@pytest.fixture
async def elsewhere(database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Yield the address of an empty database of the same kind."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        yield f"sqlite:///{tmp_path}/elsewhere/antar.sqlite3"
        return
    name = f"{url.database}_restored"
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        await connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    async with engine.connect() as connection:
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    await engine.dispose()


async def reopened(antar: SmallHub, settings: Settings) -> SmallHub:
    """Open the same clinic on another database, with the same ministry."""
    hub = await Hub.open(
        settings,
        durable=False,
        broker=make_broker("memory://"),
        clock=antar.clock,
        adapters={"scripted": lambda profile, tokens, wire: antar.ministry},
    )
    return SmallHub(hub, antar.facility, antar.ministry, antar.clock)


STATISTICS = {
    "sqlite": "SELECT stat FROM sqlite_stat1 WHERE tbl = 'deliveries'",
    "postgresql": "SELECT attname FROM pg_stats WHERE tablename = 'deliveries'",
}


async def visits(antar: SmallHub, first: int, count: int) -> None:
    await antar.hand_in("Visit", *({"id": f"V{n}", "note": "pagi"} for n in range(first, first + count)))


async def rows(antar: SmallHub, query: str, **values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await antar.hub.database.fetch(text(query), values)]


async def test_a_backup_under_load_comes_back_as_the_same_accounts(
    antar: SmallHub, elsewhere: str, tmp_path: Path
) -> None:
    await visits(antar, 0, 200)

    async def load() -> None:
        for n in range(20):
            await visits(antar, 1000 + 50 * n, 50)
            await antar.work_once()

    busy = asyncio.create_task(load())
    await asyncio.sleep(0)
    await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    assert not busy.done() or antar.hub.database.dialect == "postgresql"
    await busy
    settings = replace(antar.hub.settings, database_url=elsewhere)
    done = await restore(settings, tmp_path / "backup")
    back = await reopened(antar, settings)
    assert await back.counters_are_right()
    [(count, last)] = await rows(back, "SELECT COUNT(*), MAX(id) FROM deliveries")
    assert (count, count >= 200) == (done.deliveries, True)
    keys = "SELECT id, key, record, record_hash FROM deliveries WHERE id <= :last ORDER BY id"
    assert await rows(back, keys, last=last) == await rows(antar, keys, last=last)
    sent = "SELECT id, reference, sent_version, sent_at FROM deliveries WHERE status = 'sent'"
    assert set(await rows(back, sent)) <= set(await rows(antar, sent))
    assert await rows(back, STATISTICS[back.hub.database.dialect]) != []
    await back.hub.close()


async def test_what_was_sent_after_the_backup_is_found_and_not_sent_again(
    antar: SmallHub, elsewhere: str, tmp_path: Path
) -> None:
    await visits(antar, 0, 3)
    await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    await visits(antar, 3, 2)
    await antar.work()
    assert len(antar.ministry.posts) == 5
    settings = replace(antar.hub.settings, database_url=elsewhere)
    done = await restore(settings, tmp_path / "backup")
    assert (done.deliveries, done.in_doubt, done.sealed) == (3, 3, ())
    back = await reopened(antar, settings)
    antar.clock.pass_(60)
    await visits(back, 0, 5)  # the clinic's system hands in again what it is not sure of
    await back.work()
    assert len(antar.ministry.posts) == 5
    assert await rows(back, "SELECT status, COUNT(*) FROM deliveries GROUP BY status") == [("sent", 5)]
    assert await back.counters_are_right()
    await back.hub.close()


async def test_what_was_never_sent_is_sent_once_it_was_not_found(
    antar: SmallHub, elsewhere: str, tmp_path: Path
) -> None:
    await visits(antar, 0, 2)
    await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    settings = replace(antar.hub.settings, database_url=elsewhere)
    await restore(settings, tmp_path / "backup")
    back = await reopened(antar, settings)
    await back.work()
    assert [post["identifier"] for post in antar.ministry.posts] == ["V0", "V1"]
    await back.hub.close()


async def test_a_record_of_later_days_is_not_doubted(antar: SmallHub, elsewhere: str, tmp_path: Path) -> None:
    await visits(antar, 0, 1)
    await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    settings = replace(antar.hub.settings, database_url=elsewhere)
    await restore(settings, tmp_path / "backup")
    back = await reopened(antar, settings)
    await back.hand_in("Visit", {"id": "L1", "at": "2099-01-01"}, {"id": "L2", "at": "2001-01-01"})
    assert [(await back.row("Visit", key)).in_doubt for key in ("L1", "L2")] == [False, False]
    await back.hub.close()


async def test_nothing_is_overwritten(antar: SmallHub, tmp_path: Path) -> None:
    await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    with pytest.raises(AntarError, match=r"there already|not empty"):
        await restore(antar.hub.settings, tmp_path / "backup")


async def test_a_file_that_is_no_backup_is_refused(antar: SmallHub, elsewhere: str, tmp_path: Path) -> None:
    (tmp_path / "foto").write_bytes(b"JFIF" * 1000)
    settings = replace(antar.hub.settings, database_url=elsewhere)
    with pytest.raises(AntarError):
        await restore(settings, tmp_path / "foto")
    with pytest.raises(AntarError, match="no file"):
        await restore(settings, tmp_path / "nichts")
    await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    assert (await restore(settings, tmp_path / "backup")).deliveries == 0


async def test_credentials_that_the_key_does_not_open_are_named(
    antar: SmallHub, elsewhere: str, tmp_path: Path
) -> None:
    await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    settings = replace(antar.hub.settings, database_url=elsewhere, secret_keys=(new_key(),))
    assert (await restore(settings, tmp_path / "backup")).sealed == ("klinik: ministry",)


async def test_a_backup_is_its_owners_alone_and_replaces_the_one_before(antar: SmallHub, tmp_path: Path) -> None:
    for _ in range(2):
        size = await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    assert (size > 0, (tmp_path / "backup.part").exists()) == (True, False)
    [(noted,)] = await rows(antar, "SELECT backed_up_at FROM installation")
    assert noted == antar.clock()


async def test_a_backup_by_a_newer_program_is_refused(antar: SmallHub, elsewhere: str, tmp_path: Path) -> None:
    newer, ours = (
        "UPDATE alembic_version SET version_num = '9999'",
        f"UPDATE alembic_version SET version_num = '{head()}'",
    )
    await antar.hub.database.write_models(lambda tx: tx.execute(text(newer)))
    await back_up(antar.hub.settings, antar.hub.database, tmp_path / "backup")
    await antar.hub.database.write_models(lambda tx: tx.execute(text(ours)))
    with pytest.raises(AntarError, match="newer Antar"):
        await restore(replace(antar.hub.settings, database_url=elsewhere), tmp_path / "backup")


def test_a_password_travels_in_the_environment() -> None:
    variables = environment(make_url("postgresql://sari:rahasia@db:5433/antar?sslmode=require"))
    assert (variables["PGPASSWORD"], variables["PGSSLMODE"], variables["PGPORT"]) == ("rahasia", "require", "5433")
    assert environment(make_url("postgresql://antar@/antar?host=/run/postgresql"))["PGHOST"] == "/run/postgresql"


async def test_the_sandbox_sees_no_second_creation(
    world: World,
    clock: Clock,
    tmp_path: Path,
) -> None:
    with running(world) as url:
        addresses = {"satusehat": url}
        first = Settings("demo", f"sqlite:///{tmp_path}/a.sqlite3", secret_keys=(new_key(),), addresses=addresses)
        second = replace(first, database_url=f"sqlite:///{tmp_path}/b.sqlite3")
        hub, records = await _clinic(first)
        facility = (await hub.database.fetch(text("SELECT id FROM facilities")))[0].id
        await back_up(first, hub.database, tmp_path / "backup")
        await _work(hub, facility)
        await hub.close()
        await restore(second, tmp_path / "backup")
        hub = await Hub.open(second, durable=False, broker=make_broker("memory://"))
        await _work(hub, facility)
        seen: dict[str, Any] = world.witness.summary()
        assert (seen["duplicates_created"], sum(seen["created"].values())) == (0, records)
        assert await counters.kept(hub.database) == await counters.recount(hub.database)
        await hub.close()


async def _clinic(settings: Settings, records: int = 10) -> tuple[Hub, int]:
    hub = await Hub.open(settings, durable=False, broker=make_broker("memory://"))
    facility = await add_facility(hub.database, "klinik", "Klinik Contoh", organization_id="100099001")
    await set_credentials(hub.database, hub.vault, facility.id, "satusehat", SECRETS)
    example = dict(hub.catalog.specs["Organization"].example)
    handed_in = [{**example, "id": f"POLI-{n}", "name": f"Poli {n}"} for n in range(records)]
    await hub.intake.hand_in(facility, "Organization", handed_in)
    return hub, records


async def _work(hub: Hub, facility: int) -> None:
    worker, stop = Worker(hub), asyncio.Event()
    working = asyncio.create_task(worker.run(stop))
    worker.ring(Channel("satusehat", facility))
    unsent = text("SELECT COUNT(*) FROM deliveries WHERE status <> 'sent'")
    async with asyncio.timeout(PATIENCE):
        while (await hub.database.fetch(unsent))[0][0]:  # noqa: ASYNC110 - the worker tells nobody
            await asyncio.sleep(0.02)
    stop.set()
    await working


async def test_a_database_that_came_back_by_other_means_is_marked(tmp_path: Path, antar: SmallHub) -> None:
    if antar.hub.database.dialect == "postgresql":
        pytest.skip("the database of the tests would stay marked")
    await visits(antar, 0, 2)
    done = await mark_restored(antar.hub.settings)
    assert (done.deliveries, done.in_doubt) == (2, 2)
