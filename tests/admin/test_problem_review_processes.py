"""Review of problems by several processes: one makes it in each period, and another takes over from one that died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from copy import copy

import pytest

from admin import problem_review
from admin.problem_review import ProblemReview
from engine.database.database import Database
from engine.problems import reviews
from engine.problems.reviews import LEASE_MS, NOT_REVIEWED, REVIEW_MS
from engine.queries.todo import with_problems
from tests.admin.pages.test_problems import fail
from tests.engine import conftest
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

antar = conftest.antar  # on both databases
__all__ = ["antar"]
DAY = 25 * 3600  # and an hour: by then a problem is escalated


@pytest.fixture
async def other(antar: SmallHub) -> AsyncIterator[ProblemReview]:
    """Yield the review of another process on the same database."""
    hub = copy(antar.hub)
    hub.database = Database(antar.hub.settings.database_url, durable=False, clock=antar.clock)
    yield ProblemReview(hub)
    await hub.database.close()


@pytest.fixture
def reviewed(monkeypatch: pytest.MonkeyPatch) -> list[Database]:
    """Return the databases of the reviews that were made, by the process that made them."""
    made: list[Database] = []

    async def noted(database: Database) -> frozenset[int]:
        made.append(database)
        return await with_problems(database)

    monkeypatch.setattr(problem_review, "with_problems", noted)
    return made


async def test_of_two_processes_one_reviews_and_both_know_the_result(
    antar: SmallHub, other: ProblemReview, reviewed: list[Database]
) -> None:
    one = ProblemReview(antar.hub)
    await fail(antar, "V1")
    antar.clock.pass_(DAY)
    assert await one.facts() == await other.facts() != {}
    assert reviewed == [antar.hub.database]
    antar.clock.pass_(REVIEW_MS / 1000)
    assert await other.facts() == await one.facts()
    assert len(reviewed) == 2


async def test_processes_that_find_it_due_at_the_same_time_review_once(
    antar: SmallHub, other: ProblemReview, reviewed: list[Database]
) -> None:
    for _ in range(5):
        antar.clock.pass_(REVIEW_MS / 1000)
        await asyncio.gather(ProblemReview(antar.hub).facts(), other.facts())
    assert len(reviewed) == 5


async def test_another_process_takes_over_from_one_that_died(
    antar: SmallHub, other: ProblemReview, reviewed: list[Database]
) -> None:
    await fail(antar, "V1")
    antar.clock.pass_(DAY)
    dead = await reviews.lease(antar.hub.database, NOT_REVIEWED)
    assert dead is not None
    antar.clock.pass_(LEASE_MS / 1000 - 1)
    assert (await other.facts(), reviewed) == ({}, [])
    antar.clock.pass_(1)
    found = await other.facts()
    assert found[antar.facility.id].escalated
    await reviews.store(antar.hub.database, dead, antar.clock(), {})  # it was only late
    assert await ProblemReview(antar.hub).facts() == found
    assert len(reviewed) == 1


async def test_a_long_review_keeps_its_lease_and_one_that_lost_it_stores_nothing(antar: SmallHub) -> None:
    database, clock = antar.hub.database, antar.clock
    held = await reviews.lease(database, NOT_REVIEWED)
    assert held is not None
    assert await reviews.extend(database, held) == held  # most of it is left
    clock.pass_(LEASE_MS / 1000 - 1)
    longer = await reviews.extend(database, held)
    assert longer is not None
    clock.pass_(2)
    assert await reviews.lease(database, NOT_REVIEWED) is None
    clock.pass_(LEASE_MS / 1000)
    assert await reviews.lease(database, NOT_REVIEWED) is not None
    assert await reviews.extend(database, longer) is None


async def test_a_restart_forgets_no_problem_whose_deliveries_are_tried_again(antar: SmallHub) -> None:
    await fail(antar, "V1")
    antar.clock.pass_(DAY)
    before = (await ProblemReview(antar.hub).facts())[antar.facility.id]
    await antar.hand_in("Visit", {"id": "V1", "note": "lagi"})
    antar.clock.pass_(REVIEW_MS / 1000)
    assert (await ProblemReview(antar.hub).facts())[antar.facility.id] == before
