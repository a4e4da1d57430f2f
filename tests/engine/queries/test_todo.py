"""To-dos: the failure or missing record that would free most deliveries, with all that wait for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from adapters.base import Verdict
from engine.database.database import Database
from engine.delivery.types import NewRecord
from engine.facilities.facilities import FacilityRow
from engine.outbox.add import Batch, add
from engine.queries import affected
from engine.queries import todo as module
from engine.queries.todo import Failure, Missing, Times, TodoFacts, todo_facts
from tests.conftest import Clock
from tests.engine.database.plans import reading
from tests.engine.jobs.test_jobs import fail
from tests.engine.small_hub import SmallHub, open_small_hub, refused

pytestmark = pytest.mark.anyio


@pytest.fixture
async def antar(tmp_path: Path, database_url: str, clock: Clock, database: object) -> AsyncIterator[SmallHub]:
    opened = await open_small_hub(tmp_path, database_url, clock)
    yield opened
    await opened.hub.close()


async def facts_of(antar: SmallHub) -> TodoFacts:
    return await todo_facts(antar.hub.database, antar.facility.id, list(antar.hub.catalog.specs.values()))


def now(antar: SmallHub) -> Times:
    return Times(antar.clock(), antar.clock())


async def test_a_failure_is_told_with_all_that_waits_behind_it(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400, code="10457")] * 2
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.hand_in(
        "Finding", {"id": "F1", "visit": "V1"}, {"id": "F2", "visit": "V1"}, {"id": "F3", "visit": "V2"}
    )
    await antar.work()
    [failure] = (await facts_of(antar)).failures
    times = Times(antar.clock(), antar.clock(), day=2)
    assert failure == Failure("Visit", "rejected:10457:rejected", 2, 3, more=False, times=times, sample="rejected")


async def test_a_missing_record_is_told_with_what_waits_at_second_hand(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"}, {"id": "V2", "person": "P2"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    facts = await facts_of(antar)
    assert facts == TodoFacts((), (Missing(("Person",), ("P1", "P2"), 3, more=False, times=now(antar)),))


async def test_a_record_that_is_here_and_on_its_way_is_not_missing(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)]
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    assert await facts_of(antar) == TodoFacts((), ())


async def test_what_is_counted_is_bounded(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BEHIND", 3)
    await antar.hand_in("Visit", *({"id": f"V{n}", "person": "P1"} for n in range(5)))
    await antar.work()
    assert (await facts_of(antar)).missing == (Missing(("Person",), ("P1",), 3, more=True, times=now(antar)),)


async def test_nothing_is_urgent_where_all_was_sent(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await facts_of(antar) == TodoFacts((), ())


async def test_what_was_set_aside_is_told_with_what_waits_for_it(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    await antar.hub.database.write_models(
        lambda tx: tx.execute(text("UPDATE deliveries SET status = 'ignored', cause = NULL WHERE key = 'V1'"))
    )
    assert await facts_of(antar) == TodoFacts((), (), (Missing(("Visit",), ("V1",), 1, more=False, times=now(antar)),))


async def test_groups_and_lists_are_read_from_the_index_of_causes(database: Database, facility: FacilityRow) -> None:
    """However many deliveries there are: only those with a cause are read, and groups without their table."""
    queued = [NewRecord(key=f"F{n}", date="2026-03-10", record="{}", record_hash="a") for n in range(2_000)]
    await add(database, Batch(facility.id, "Finding", "ministry", updatable=True), queued)
    await fail(database, facility, 20, spec="Visit")
    await database.write_models(lambda tx: tx.execute(text("ANALYZE")))
    bound = {"facility": facility.id, "spec": "Visit", "cause": "rejected:1:x", "most": 9}
    query: Any = module._groups(facility.id, ["Visit"], 0).executable(database.dialect)
    dialect = make_url(f"{database.dialect}://").get_dialect()()
    compiled = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    groups = str(compiled).replace("%%", "%").replace(":%", r"\:%")
    explain = "EXPLAIN " if database.dialect == "postgresql" else "EXPLAIN QUERY PLAN "
    for sql, parameters in ((groups, {}), (affected._FAILED.sql(database.dialect), bound)):
        plan = " ".join(map(str, await database.fetch(text(explain + sql), parameters)))
        assert "ix_deliveries_cause" in plan


async def test_what_others_wait_for_is_looked_for_only_where_one_waits(antar: SmallHub) -> None:
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    with reading() as seen:
        facts = await facts_of(antar)
    assert [missing.specs for missing in facts.missing] == [("Visit",)]
    assert len([statement for statement in seen.rows if "looked_at" in statement]) == 2
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    with reading() as seen:
        assert await facts_of(antar) == TodoFacts((), ())
    assert [statement for statement in seen.rows if "looked_at" in statement] == []
