"""Plans of hot statements: none reads the deliveries sent earlier, whatever the planner's statistics say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import pytest
from sqlalchemy import Connection, text

from adapters.base import Verdict
from engine import worker as working
from engine.database.database import Database
from engine.intake.intake import Accepted
from engine.jobs.jobs import Action, begin, draft
from engine.outbox.claim import claim
from engine.outbox.delayed_resend import schedule_resend
from engine.outbox.resend import ignore
from engine.worker import Worker
from tests import databases
from tests.engine.database.plans import reading
from tests.engine.small_hub import SmallHub, refused
from tests.engine.visits_clinic import review

pytestmark = pytest.mark.anyio

SENT = 20_000
LIMIT = 5_000
"""Rows that a statement may read: some batches. A plan that grows reads all that was sent."""
PATIENCE = 60.0


@pytest.fixture
def database_url(database_url: str) -> Iterator[str]:
    """Create a separate PostgreSQL database: those of other tests keep their statistics."""
    if database_url.startswith("sqlite"):
        yield database_url
    else:
        databases.drop(own := f"{database_url}_plans")
        databases.create(own)
        yield own
        databases.drop(own)


@pytest.fixture(params=["it was empty", "all were due", "all were sent"])
async def full_hub(antar: SmallHub, database: Database, request: pytest.FixtureRequest) -> SmallHub:
    """Return a hub that has sent much; the parameter says when the database was last analysed (empty: at migration)."""
    names = {"n": SENT, "facility": antar.facility.id}
    steps = (
        ("all were due", (_DELIVERIES, _WORDS, _COUNTED, _SUMMED, *_VISITS)),
        ("all were sent", (_SENT, _ATTEMPTS)),
    )
    for moment, statements in steps:
        analyse = ["ANALYZE"] if moment == request.param else []
        await database.on_connection(partial(execute_all, [*statements, *analyse], names))
    return antar


def execute_all(statements: Sequence[str], names: Mapping[str, object], connection: Connection) -> None:
    """Execute statements, each with those of the values that it names."""
    for statement in statements:
        asked = {name: value for name, value in names.items() if f":{name}" in statement}
        connection.execute(text(statement), asked)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - nobody tells the test
            await asyncio.sleep(0.01)


async def test_no_statement_reads_what_was_sent_before(full_hub: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    antar, swept = full_hub, 0
    real = working.sweep

    async def sweep(*given: object, **named: object) -> object:
        nonlocal swept
        swept += 1
        return await real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(working, "sweep", sweep)
    for name in (
        "SWEEP_SECONDS",
        "JOB_SECONDS",
        "HEARTBEAT_SECONDS",
        "PRUNE_SECONDS",
        "FORWARD_SECONDS",
        "CODE_LIST_SECONDS",
        "CIRCLE_SECONDS",
        "REFRESH_SECONDS",
    ):
        monkeypatch.setattr(working, name, 0.05)
    await review(antar)  # columns and use cases are noted, so that nothing of before has to be indexed again
    with reading() as seen:
        await _a_days_work(antar)
        stop = asyncio.Event()
        running = asyncio.create_task(Worker(antar.hub).run(stop))
        await until(lambda: swept > 5)
        stop.set()
        await running
    assert len(seen.rows) > 60
    assert not (over := seen.over(LIMIT)), over


async def _a_days_work(antar: SmallHub) -> None:
    """Play every event of a delivery: new, changed, needed, refused, lost, resent, ignored, in bulk."""
    database, facility = antar.hub.database, antar.facility.id
    await antar.hand_in("Finding", *({"id": f"F{n}", "visit": f"V{n}"} for n in range(10)))
    await antar.work()
    _, failing = await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"}, {"id": "P2", "nik": "0"})
    visits = await antar.hand_in("Visit", *({"id": f"V{n}", "person": "P1"} for n in range(10)))
    assert isinstance(failing, Accepted)
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503), antar.ministry.store_and_be_silent]
    await antar.work()
    antar.clock.pass_(120)
    await antar.work()
    await antar.hand_in("Visit", *({"id": f"V{n}", "person": "P1", "note": "lagi"} for n in range(10)))
    await claim(database, antar.channel, 3, "dead")
    antar.clock.pass_(120)
    await antar.work()
    await schedule_resend(database, facility, failing.id, "sari")
    antar.clock.pass_(10)
    await antar.work()
    ids = [visit.id for visit in visits[:3] if isinstance(visit, Accepted)]
    job = await draft(database, facility, "ministry", Action.REGENERATE, ids, chosen={}, actor="sari")
    await begin(database, facility, job, reason="uji", actor="sari")
    await ignore(database, facility, [failing.id], "sari", reason="uji")


_NUMBERS = """
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :n)
"""
_DELIVERIES = f"""
INSERT INTO deliveries (facility_id, spec, upstream, key, date, patient_norm, record, record_hash, version, status,
  in_doubt, lane, due_at, tries, deaths, trigger, created_at, changed_at)
{_NUMBERS}
SELECT CAST(:facility AS INTEGER), 'Visit', 'ministry', 'old-' || i, '2026-03-09', 'P' || i, '{{}}', '-', 1, 'queued',
  false, 0, 1, 0, 0, 'auto', 1, 1
FROM numbers
"""
_WORDS = f"""
INSERT INTO patient_words (facility_id, norm, word)
{_NUMBERS}
SELECT CAST(:facility AS INTEGER), 'P' || i, 'p' || i FROM numbers
"""
_COUNTED = """
INSERT INTO counters (facility_id, date, spec, status, n)
SELECT facility_id, date, spec, 'sent', COUNT(*) FROM deliveries GROUP BY facility_id, date, spec
"""
_VISITS = (
    "INSERT INTO patients (facility_id, norm) SELECT facility_id, patient_norm FROM deliveries",
    "INSERT INTO patient_numbers (hash, delivery_id) SELECT 'hash-' || id, id FROM deliveries",
    "INSERT INTO visits (facility_id, key, reviewed) SELECT facility_id, 'visit-' || id, 1 FROM deliveries",
    "INSERT INTO visit_deliveries (visit_id, delivery_id) SELECT id, id FROM deliveries",
    "INSERT INTO delivery_values (value_id, day, delivery_id) SELECT id % 100, 20260309, id FROM deliveries",
)
_SUMMED = "INSERT INTO totals (facility_id, spec, status, n) SELECT facility_id, spec, status, n FROM counters"
_SENT = """
UPDATE deliveries SET status = 'sent', due_at = NULL, reference = 'id-' || key, sent_version = 1, settled_at = 2,
  sent_at = 2, http_status = 201
"""
_ATTEMPTS = """
INSERT INTO attempts (delivery_id, facility_id, at, milliseconds, operation, trigger, spec_hash, version, verdict,
  message)
SELECT id, facility_id, 1773104400000, 1, 'create', 'auto', '-', 1, 'accepted', '' FROM deliveries
"""
