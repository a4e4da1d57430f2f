"""History by the hour: written when a delivery is settled, read by day, hour and upstream."""

from __future__ import annotations

from datetime import date
from functools import partial

import pytest
from sqlalchemy import Connection, text

from adapters.base import Reply, Verdict
from engine.database.database import Database
from engine.queries.history import (
    HOUR_MS,
    Answers,
    Outcomes,
    answers,
    by_day,
    by_hour,
    by_type_and_hour,
    hours_of,
    sent_until_now,
    total,
)
from tests.engine.database.plans import reading
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

SPECS = ("Person", "Visit", "Finding")
TODAY = date(2026, 3, 10)  # the clock stands at 08.00 in Jakarta


async def test_what_was_settled_is_counted_by_its_hour_and_outcome(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(3600)
    await antar.hand_in("Visit", {"id": "V2"}, {"id": "V3"}, {"id": "V4", "person": "P9"})
    await antar.work()
    hours = await by_hour(antar.hub.database, antar.facility, SPECS, hours_of(antar.facility, TODAY))
    assert hours[8] == Outcomes(0, 1, 0)
    assert hours[9] == Outcomes(2, 0, 1)
    assert sum(hour.total for hour in hours) == 4
    persons = await by_hour(antar.hub.database, antar.facility, ["Person"], hours_of(antar.facility, TODAY))
    assert not any(hour.total for hour in persons)


async def test_the_hours_of_each_type_are_apart(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.work()
    hours = await by_type_and_hour(antar.hub.database, antar.facility, SPECS, hours_of(antar.facility, TODAY))
    assert {spec: (row[8].sent, len(row)) for spec, row in hours.items()} == {
        "Person": (0, 24),
        "Visit": (2, 24),
        "Finding": (0, 24),
    }


async def test_a_day_is_that_of_the_clinic(antar: SmallHub) -> None:
    antar.clock.pass_(-8 * 3600)  # midnight in Jakarta is five in the afternoon in UTC
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(-1)
    await antar.hand_in("Visit", {"id": "V2"})
    await antar.work()
    days = await by_day(antar.hub.database, antar.facility, SPECS, TODAY, 30)
    assert len(days) == 30
    assert {day: total(kinds) for day, kinds in days.items() if kinds} == {
        date(2026, 3, 9): Outcomes(1),
        TODAY: Outcomes(1),
    }
    assert hours_of(antar.facility, TODAY)[0] == (antar.clock.now + 1000) // HOUR_MS


async def test_today_is_compared_with_yesterday_up_to_the_same_hour(antar: SmallHub) -> None:
    antar.clock.pass_(-24 * 3600)
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(3 * 3600)
    await antar.hand_in("Visit", {"id": "V2"})
    await antar.work()
    antar.clock.pass_(21 * 3600)
    await antar.hand_in("Visit", {"id": "V3"}, {"id": "V4"})
    await antar.work()
    now = antar.clock.now
    assert await sent_until_now(antar.hub.database, antar.facility, SPECS, now) == {"Visit": (2, 1)}
    assert await sent_until_now(antar.hub.database, antar.facility, SPECS, now + 3 * HOUR_MS) == {"Visit": (2, 2)}


async def test_requests_are_counted_with_their_times_and_those_without_an_answer(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503), Reply(Verdict.UNSURE)]
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"}, {"id": "V3"})
    await antar.work_once()
    hour = antar.clock.now // HOUR_MS
    read = await answers(antar.hub.database, antar.facility, ["ministry"], hour, hour)
    now = read["ministry"][hour]
    assert (now.n, now.failed, now.slow) == (3, 2, 0)
    assert now.outage
    assert now.mean is not None


def test_shares_of_nothing_are_none() -> None:
    assert Answers(2, 0, 0, 2).mean is None
    assert not Answers(2, 300, 0, 1).outage


FILLED = """
WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < 20000)
INSERT INTO hourly_counts (facility_id, hour, spec, outcome, n)
SELECT CAST(:facility AS INTEGER), 400000 + i, 'Visit', 'sent', 500 FROM numbers
"""


async def test_years_before_are_not_read(antar: SmallHub, database: Database) -> None:
    fill = partial(_fill, facility=antar.facility.id)
    await database.on_connection(fill)
    with reading() as seen:
        await by_day(database, antar.facility, SPECS, TODAY, 30)
        await by_hour(database, antar.facility, SPECS, hours_of(antar.facility, TODAY))
        await by_type_and_hour(database, antar.facility, SPECS, hours_of(antar.facility, TODAY))
        await sent_until_now(database, antar.facility, SPECS, antar.clock.now)
        hour = antar.clock.now // HOUR_MS
        await answers(database, antar.facility, ["ministry"], hour - 24, hour)
    assert seen.rows
    assert not (over := seen.over(2_000)), over


def _fill(connection: Connection, facility: int) -> None:
    connection.execute(text(FILLED), {"facility": facility})
