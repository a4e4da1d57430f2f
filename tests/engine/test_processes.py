"""Several processes at the same moment on one database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.database.migrate import head, migrate
from engine.delivery.types import Added, Channel, NewRecord
from engine.errors import EnvironmentMismatch
from engine.facilities.facilities import FacilityRow
from engine.outbox import counters
from engine.outbox.add import Batch, add
from engine.outbox.claim import LEASE_MS, begin, claim
from engine.outbox.resend import ActionResult, resend
from engine.outbox.sweep import sweep
from tests.conftest import POSTGRESQL, Clock

pytestmark = pytest.mark.anyio


def entries(count: int, content: str = "a") -> list[NewRecord]:
    return [NewRecord(str(n), "2026-03-10", "{}", content) for n in range(count)]


async def test_migrations_that_start_together_run_once(tmp_path: Path) -> None:
    opened = [Database(f"sqlite:///{tmp_path}/fresh.sqlite3") for _ in range(3)]
    await asyncio.gather(*(migrate(database, "demo") for database in opened))
    assert await opened[0].fetch(text("SELECT version_num FROM alembic_version")) == [(head(),)]
    await asyncio.gather(*(database.close() for database in opened))


@pytest.mark.skipif(not POSTGRESQL, reason="ANTAR_TEST_DATABASE_URL is not set")
async def test_migrations_that_start_together_run_once_on_postgresql() -> None:
    first = Database(POSTGRESQL)
    for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
        await first.write_models(lambda tx, statement=statement: tx.execute(text(statement)))  # type: ignore[misc]
    opened = [Database(POSTGRESQL) for _ in range(3)]
    await asyncio.gather(*(migrate(database, "demo") for database in opened))
    assert await first.fetch(text("SELECT version_num FROM alembic_version")) == [(head(),)]
    await asyncio.gather(*(database.close() for database in [first, *opened]))


async def test_a_database_of_another_environment_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/fresh.sqlite3")
    await migrate(database, "sandbox")
    with pytest.raises(EnvironmentMismatch, match="'sandbox', not to 'production'"):
        await migrate(database, "production")
    await database.close()


async def test_sweeps_at_the_same_moment_take_back_once(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    await add(database, Batch(facility.id, "Visit", "ministry", True), entries(20))
    [*claimed] = await claim(database, Channel("ministry", facility.id), 20, "dead")
    await begin(database, claimed[0].lease)
    clock.pass_(LEASE_MS / 1000 + 1)
    await asyncio.gather(*(sweep(database) for _ in range(4)))
    assert await database.fetch(text("SELECT DISTINCT status, deaths FROM deliveries")) == [("unsure", 1)]
    assert await database.fetch(text("SELECT COUNT(*) FROM attempts")) == [(20,)]
    assert await counters.kept(database) == await counters.recount(database)


async def test_claims_at_the_same_moment_never_overlap(database: Database, facility: FacilityRow) -> None:
    await add(database, Batch(facility.id, "Visit", "ministry", True), entries(100))
    channel = Channel("ministry", facility.id)
    batches = await asyncio.gather(*(claim(database, channel, 10, f"worker-{n}") for n in range(20)))
    ids = [delivery.id for batch in batches for delivery in batch]
    assert len(ids) == len(set(ids)) == 100
    assert await counters.kept(database) == await counters.recount(database)


async def test_the_same_records_at_the_same_moment_are_stored_once(database: Database, facility: FacilityRow) -> None:
    batch = Batch(facility.id, "Visit", "ministry", True)
    await asyncio.gather(*(add(database, batch, entries(50, content)) for content in "aabbcc"))
    assert await database.fetch(text("SELECT COUNT(*) FROM deliveries")) == [(50,)]
    assert await counters.kept(database) == await counters.recount(database)


async def test_the_same_records_in_another_order_are_stored_once(database: Database, facility: FacilityRow) -> None:
    batch, records = Batch(facility.id, "Visit", "ministry", True), entries(200)
    one, other = await asyncio.gather(add(database, batch, records), add(database, batch, records[::-1]))
    assert [id_ for id_, _ in one] == [id_ for id_, _ in other[::-1]]
    assert sorted((first, second) for (_, first), (_, second) in zip(one, other[::-1], strict=True)) in (
        [(Added.ACCEPTED, Added.UNCHANGED)] * 200,
        [(Added.UNCHANGED, Added.ACCEPTED)] * 200,
    )
    assert await counters.kept(database) == await counters.recount(database)


async def test_new_and_known_keys_of_one_batch_keep_their_order(database: Database, facility: FacilityRow) -> None:
    batch, records = Batch(facility.id, "Visit", "ministry", True), entries(9)
    await add(database, batch, records[1::2])
    added = await add(database, batch, [*records, *entries(9, "other")])
    stored = dict(await database.fetch(text("SELECT key, id FROM deliveries")))
    assert [id_ for id_, _ in added] == [stored[entry.key] for entry in records] * 2
    assert [outcome for _, outcome in added] == [Added.ACCEPTED, Added.UNCHANGED] * 4 + [Added.ACCEPTED] + [
        Added.CHANGED
    ] * 9
    new = [id_ for id_, outcome in added if outcome == Added.ACCEPTED]
    assert new == sorted(new)
    assert await database.fetch(text("SELECT DISTINCT record_hash, version FROM deliveries")) == [("other", 2)]
    assert await counters.kept(database) == await counters.recount(database)


async def test_fifty_clicks_at_the_same_moment_are_one(database: Database, facility: FacilityRow) -> None:
    [(id_, _)] = await add(database, Batch(facility.id, "Visit", "ministry", True), entries(1))
    failed = text("UPDATE deliveries SET status = 'failed', due_at = NULL")
    await database.write_models(lambda tx: tx.execute(failed))
    outcomes = await asyncio.gather(*(resend(database, facility.id, [id_], "sari") for _ in range(50)))
    assert sorted(outcome[id_] for outcome in outcomes) == [ActionResult.ALREADY] * 49 + [ActionResult.DONE]
