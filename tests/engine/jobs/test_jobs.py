"""Jobs: a fixed set of deliveries, processed once by any number of workers, even if these fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.delivery.status import Lane
from engine.delivery.types import Channel, NewRecord
from engine.facilities.facilities import FacilityRow, add_facility
from engine.jobs import runner
from engine.jobs.jobs import DRAFT_LIFE_MS, Action, JobState, begin, discard, draft, forget_drafts, move, start
from engine.jobs.runner import run_jobs
from engine.outbox import counters
from engine.outbox.add import Batch, add
from engine.outbox.claim import claim
from engine.outbox.resend import resend
from engine.queries.deliveries import Filters
from tests.conftest import Clock
from tests.engine.jobs import dying_job
from tests.killed import killed

pytestmark = pytest.mark.anyio

FAILED = Filters(statuses=["failed"])


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BATCH_DELIVERIES", 10)


async def fail(database: Database, facility: FacilityRow, n: int, spec: str = "Visit") -> list[int]:
    """Store that many failed deliveries."""
    entries = [NewRecord(key=f"{spec}{i}", date="2026-03-10", record="{}", record_hash="a") for i in range(n)]
    added = await add(database, Batch(facility.id, spec, "ministry", updatable=True), entries)
    ids = [id_ for id_, _ in added]
    await become(database, ids, "failed")
    return ids


async def become(database: Database, ids: list[int], status: str) -> None:
    """Set the status directly, without the counters: tests of counters use `counters_are_right`."""
    query = "UPDATE deliveries SET status = :status, due_at = NULL, cause = 'rejected:1:x' WHERE id = :id"
    changed = [{"status": status, "id": id_} for id_ in ids]
    await database.write_models(lambda tx: tx.execute(text(query), changed))
    counted = await counters.recount(database)

    async def rewrite(tx: Any) -> None:
        for table in ("counters", "totals"):
            await tx.execute(text(f"DELETE FROM {table}"))
        await counters.apply(tx, counters.Deltas(counted))

    await database.write_models(rewrite)


async def drafted(database: Database, facility: FacilityRow, which: Any = FAILED, **more: Any) -> int:
    action = more.pop("action", Action.RESEND)
    return await draft(database, facility.id, "ministry", action, which, chosen={}, actor="sari", **more)


async def started(database: Database, facility: FacilityRow, which: Any = FAILED, **more: Any) -> int:
    id_ = await drafted(database, facility, which, **more)
    assert await begin(database, facility.id, id_, reason="sudah diperbaiki", actor="sari")
    return id_


async def work(database: Database) -> set[Channel]:
    rung: set[Channel] = set()
    await run_jobs(database, rung.add, lambda: False)
    return rung


async def one_batch(database: Database) -> None:
    answers = iter([False, True])
    await run_jobs(database, lambda channel: None, lambda: next(answers))


async def job(database: Database, id_: int) -> Any:
    [row] = await database.fetch(text("SELECT * FROM jobs WHERE id = :id"), {"id": id_})
    return row


async def outcomes(database: Database, id_: int) -> dict[str | None, int]:
    query = "SELECT outcome, COUNT(*) FROM job_items WHERE job_id = :id GROUP BY outcome"
    return {outcome: int(n) for outcome, n in await database.fetch(text(query), {"id": id_})}


async def count(database: Database, query: str) -> int:
    [(n,)] = await database.fetch(text(f"SELECT COUNT(*) FROM {query}"))
    return int(n)


async def test_a_job_resends_all_that_matched_behind_todays_patients(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 25)
    id_ = await started(database, facility)
    assert await work(database) == {Channel("ministry", facility.id)}
    ran = await job(database, id_)
    assert (ran.state, ran.total, ran.done, ran.skipped) == (JobState.DONE, 25, 25, 0)
    assert await count(database, f"deliveries WHERE status = 'queued' AND lane = {int(Lane.BULK)}") == 25
    assert await counters.kept(database) == await counters.recount(database)


async def test_each_item_is_in_the_audit_with_who_and_why(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 3)
    await started(database, facility)
    await work(database)
    assert (
        await count(database, "audit WHERE actor = 'sari' AND reason = 'sudah diperbaiki' AND action = 'resend'") == 3
    )
    assert await count(database, "audit WHERE action = 'job.resend'") == 1


async def test_a_draft_does_nothing_until_it_is_confirmed(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 2)
    id_ = await drafted(database, facility)
    assert await work(database) == set()
    assert (await job(database, id_)).total == 2


async def test_a_set_beyond_the_limit_has_one_more_than_the_limit(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 5)
    totals = [(await job(database, await drafted(database, facility, limit=limit))).total for limit in (2, 5)]
    assert totals == [3, 5]


async def test_what_fails_later_is_not_in_the_set(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 2)
    id_ = await drafted(database, facility)
    await fail(database, facility, 5, spec="Finding")
    await begin(database, facility.id, id_, reason="x", actor="sari")
    await work(database)
    assert await count(database, "deliveries WHERE status = 'queued'") == 2


async def test_a_job_begins_once(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 2)
    id_ = await started(database, facility)
    assert not await begin(database, facility.id, id_, reason="lagi", actor="budi")
    assert (await job(database, id_)).actor == "sari"


async def test_what_changed_meanwhile_is_left_alone_and_told(database: Database, facility: FacilityRow) -> None:
    ids = await fail(database, facility, 4)
    id_ = await started(database, facility)
    await become(database, ids[:1], "sent")
    await resend(database, facility.id, ids[1:2], "budi")
    await claim(database, Channel("ministry", facility.id), 1, "worker")
    await work(database)
    assert await outcomes(database, id_) == {"needs_force": 1, "already": 1, "done": 2}
    assert (await job(database, id_)).skipped == 2


async def test_what_others_need_goes_first(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 2, spec="Finding")
    await fail(database, facility, 2, spec="Visit")
    id_ = await drafted(database, facility, order=["Person", "Visit", "Finding"])
    items = "FROM job_items i JOIN deliveries d ON d.id = i.delivery_id WHERE i.job_id = :id"
    query = f"SELECT d.spec {items} ORDER BY i.position"
    rows = await database.fetch(text(query), {"id": id_})
    assert [spec for (spec,) in rows] == ["Visit", "Visit", "Finding", "Finding"]


async def test_chosen_ids_are_taken_but_never_another_facilitys(database: Database, facility: FacilityRow) -> None:
    ids = await fail(database, facility, 3)
    other = await add_facility(database, "lain", "Klinik Lain")
    theirs = await fail(database, other, 1, spec="Finding")
    id_ = await drafted(database, facility, [*ids[:2], *theirs])
    assert (await job(database, id_)).total == 2


async def test_what_a_person_set_aside_is_not_swept_along(database: Database, facility: FacilityRow) -> None:
    ids = await fail(database, facility, 3)
    await become(database, ids[:1], "ignored")
    everything = await drafted(database, facility, Filters(specs=["Visit"]))
    asked_for = await drafted(database, facility, Filters(statuses=["ignored"]))
    assert [(await job(database, id_)).total for id_ in (everything, asked_for)] == [2, 1]


async def test_a_job_can_ignore(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 3)
    await started(database, facility, action=Action.IGNORE)
    await work(database)
    assert await count(database, "deliveries WHERE status = 'ignored' AND cause IS NULL") == 3


async def test_a_regeneration_takes_what_was_sent_and_keeps_doubts(database: Database, facility: FacilityRow) -> None:
    ids = await fail(database, facility, 2)
    await become(database, ids, "sent")
    doubt = text("UPDATE deliveries SET in_doubt = :yes WHERE id = :id")
    await database.write_models(lambda tx: tx.execute(doubt, {"yes": True, "id": ids[0]}))
    which = Filters(specs=["Visit"])
    await start(database, facility.id, "ministry", Action.REGENERATE, which, chosen={}, reason="perbarui", actor="sari")
    await work(database)
    assert await count(database, "deliveries WHERE status = 'queued'") == 2
    assert await count(database, "deliveries WHERE in_doubt") == 1


async def test_an_empty_job_is_done_at_once(database: Database, facility: FacilityRow) -> None:
    id_ = await started(database, facility)
    assert (await job(database, id_)).state == JobState.DONE


async def test_a_paused_job_waits_and_goes_on_where_it_was(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 25)
    id_ = await started(database, facility)
    await one_batch(database)
    assert await move(database, facility.id, id_, "pause", "sari")
    await work(database)
    assert (await job(database, id_)).done == 10
    assert await move(database, facility.id, id_, "resume", "sari")
    await work(database)
    assert (await outcomes(database, id_), (await job(database, id_)).state) == ({"done": 25}, JobState.DONE)


async def test_a_cancelled_job_leaves_the_rest_alone(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 25)
    id_ = await started(database, facility)
    await one_batch(database)
    assert await move(database, facility.id, id_, "cancel", "budi")
    await work(database)
    assert await outcomes(database, id_) == {"done": 10, None: 15}
    assert not await move(database, facility.id, id_, "resume", "sari")


async def test_nobody_moves_another_facilitys_job(database: Database, facility: FacilityRow) -> None:
    id_ = await drafted(database, facility)
    other = await add_facility(database, "lain", "Klinik Lain")
    assert not await move(database, other.id, id_, "cancel", "budi")
    assert not await begin(database, other.id, id_, reason="x", actor="budi")


async def test_drafts_are_forgotten_after_a_day(database: Database, facility: FacilityRow, clock: Clock) -> None:
    await fail(database, facility, 2)
    await drafted(database, facility)
    clock.pass_(DRAFT_LIFE_MS / 1000 + 1)
    kept = await drafted(database, facility)
    await forget_drafts(database)
    rows = await database.fetch(text("SELECT DISTINCT job_id FROM job_items"))
    assert [id_ for (id_,) in rows] == [kept]


async def test_a_draft_that_nobody_wants_leaves_nothing(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 2)
    begun, unwanted = await started(database, facility), await drafted(database, facility)
    assert [await discard(database, facility.id, id_) for id_ in (begun, unwanted, unwanted)] == [False, True, False]
    assert await count(database, "job_items") == 2


async def test_two_workers_do_no_item_twice(database: Database, facility: FacilityRow, database_url: str) -> None:
    await fail(database, facility, 95)
    id_ = await started(database, facility)
    second = Database(database_url, durable=False)
    await asyncio.gather(*(work(database_of_worker) for database_of_worker in (database, second, database)))
    await work(database)
    assert (await job(database, id_)).done == 95
    assert await outcomes(database, id_) == {"done": 95}
    assert await count(database, "audit WHERE action = 'resend'") == 95
    await second.close()


async def test_two_jobs_advance_side_by_side(database: Database, facility: FacilityRow) -> None:
    await fail(database, facility, 30)
    await fail(database, facility, 5, spec="Finding")
    long = await started(database, facility, Filters(specs=["Visit"]))
    short = await started(database, facility, Filters(specs=["Finding"]))
    await one_batch(database)
    assert [(await job(database, id_)).done for id_ in (long, short)] == [10, 5]


@pytest.mark.parametrize("passing", [1, 2, 4])
async def test_a_killed_worker_loses_and_doubles_nothing(
    database: Database, facility: FacilityRow, database_url: str, passing: int
) -> None:
    await fail(database, facility, 35)
    id_ = await started(database, facility)
    await killed(f"job_batch:{passing}", dying_job.work, database_url)
    assert (await job(database, id_)).done == 10 * (passing - 1)
    async with asyncio.timeout(10):  # the server keeps the dead worker's lock until it notices the death
        while (await job(database, id_)).state != "done":
            await work(database)
    assert await outcomes(database, id_) == {"done": 35}
    assert await count(database, "audit WHERE action = 'resend'") == 35
    assert await counters.kept(database) == await counters.recount(database)
