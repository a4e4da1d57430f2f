"""Results of a job: its deliveries counted by status, at a cost that does not grow with the table."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from engine.database.database import Database
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.jobs import queries
from engine.jobs.jobs import Action, start
from engine.jobs.queries import Tally, commonest_cause, tallies
from engine.outbox.resend import resend
from tests.engine.jobs.test_jobs import become, fail, started, work

pytestmark = pytest.mark.anyio


async def tally(database: Database, job_id: int) -> Tally:
    return (await tallies(database, [job_id]))[job_id]


async def resent(database: Database, facility: FacilityRow, n: int) -> tuple[int, list[int]]:
    """Return a job that has resent that many deliveries, and their ids."""
    ids = await fail(database, facility, n)
    job_id = await started(database, facility)
    await work(database)
    return job_id, ids


async def test_a_job_counts_what_its_deliveries_became(database: Database, facility: FacilityRow) -> None:
    job_id, ids = await resent(database, facility, 6)
    await become(database, ids[:3], "sent")
    await become(database, ids[3:5], "failed")
    counted = await tally(database, job_id)
    assert counted.counts == {"sent": 3, "failed": 2, "queued": 1}
    assert counted.of(Status.FAILED, Status.QUEUED) == 3


async def test_what_was_skipped_or_has_not_had_its_turn_is_not_counted(
    database: Database, facility: FacilityRow
) -> None:
    ids = await fail(database, facility, 3)
    job_id = await started(database, facility)
    assert (await tally(database, job_id)).counts == {}
    await become(database, ids[:1], "sent")
    await work(database)
    assert (await tally(database, job_id)).counts == {"queued": 2}


async def test_what_is_sent_again_since_is_no_longer_the_jobs(database: Database, facility: FacilityRow) -> None:
    job_id, ids = await resent(database, facility, 4)
    await become(database, ids, "failed")
    await resend(database, facility.id, ids[:1], "sari")
    again = await start(
        database, facility.id, "ministry", Action.RESEND, ids[1:3], chosen={}, reason="lagi", actor="sari"
    )
    await work(database)
    assert [(await tally(database, id_)).counts for id_ in (job_id, again)] == [{"failed": 1}, {"queued": 2}]


async def test_the_commonest_cause_is_told_with_its_number(database: Database, facility: FacilityRow) -> None:
    job_id, ids = await resent(database, facility, 4)
    assert await commonest_cause(database, job_id) is None
    await become(database, ids, "failed")
    other = text("UPDATE deliveries SET cause = 'rejected:2:y' WHERE id = :id")
    await database.write_models(lambda tx: tx.execute(other, {"id": ids[0]}))
    assert await commonest_cause(database, job_id) == ("rejected:1:x", 3)


async def test_no_more_than_a_bound_is_counted(
    database: Database, facility: FacilityRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_COUNTED", 2)
    job_id, _ = await resent(database, facility, 5)
    counted = await tally(database, job_id)
    assert (counted.counts, counted.capped) == ({"queued": 2}, True)


async def test_counting_reads_the_jobs_index_alone(database: Database, facility: FacilityRow) -> None:
    """However many deliveries there are: their table is not read."""
    await become(database, await fail(database, facility, 3_000, spec="Finding"), "sent")
    job_id, _ = await resent(database, facility, 20)
    await database.write_models(lambda tx: tx.execute(text("ANALYZE")))
    explain = "EXPLAIN " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    parameters = {"ids": [job_id], "most": 9, "job": job_id}
    for statement in (queries._TALLY, queries._CAUSE):
        query = text(explain + statement.sql(database.dialect))
        plan = await database.fetch(query, statement.bound(parameters))
        steps = [line for line in map(str, plan) if re.search(r"(scan|search).* (d|deliveries)\b", line, re.IGNORECASE)]
        assert steps
        assert all(re.search("(Index Only Scan using|COVERING INDEX) ix_deliveries_job", step) for step in steps)
