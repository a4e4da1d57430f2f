"""Rate limiter: the workers of a channel keep to its rate together."""

from __future__ import annotations

import pytest

from engine.database.database import Database
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow
from engine.limits.rate import RateLimiter
from tests.conftest import Clock

pytestmark = pytest.mark.anyio

WORKERS = 3


def crew(database: Database, facility: FacilityRow, rate: float | None) -> list[RateLimiter]:
    return [RateLimiter(database, Channel("ministry", facility.id), rate) for _ in range(WORKERS)]


async def test_no_two_workers_have_the_same_turn(database: Database, facility: FacilityRow) -> None:
    workers = crew(database, facility, 10.0)
    waits = [await workers[n % WORKERS].take() for n in range(12)]
    assert waits == pytest.approx([n / 10 - 0.2 for n in range(12)])


async def test_after_a_pause_only_a_fifth_of_a_second_is_caught_up_with(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    [limiter, *_] = crew(database, facility, 128.0)
    await limiter.take()
    clock.pass_(3600)
    waits = [await limiter.take() for _ in range(128)]
    assert sum(seconds <= 0 for seconds in waits) == 26
    assert waits[-1] == pytest.approx(127 / 128 - 0.2, abs=0.001)


async def test_who_has_many_behind_reserves_several_at_once_and_none_is_lost(
    database: Database, facility: FacilityRow
) -> None:
    first, second, _ = crew(database, facility, 100.0)
    waits = [await first.take(behind=50), await second.take()]
    assert waits == pytest.approx([-0.2, -0.15])
    assert [await first.take() for _ in range(5)] == pytest.approx([-0.19, -0.18, -0.17, -0.16, -0.14])


async def test_what_was_reserved_long_ago_is_gone(database: Database, facility: FacilityRow, clock: Clock) -> None:
    [limiter, *_] = crew(database, facility, 100.0)
    await limiter.take(behind=50)
    clock.pass_(10)
    assert await limiter.take() == pytest.approx(-0.2)


async def test_a_clock_that_was_wrong_holds_nobody_up(database: Database, facility: FacilityRow, clock: Clock) -> None:
    [limiter, *_] = crew(database, facility, 10.0)
    clock.pass_(86_400)
    await limiter.take()
    clock.pass_(-86_400)
    assert await limiter.take() < 1


async def test_channels_have_turns_of_their_own(database: Database, facility: FacilityRow) -> None:
    limiters = [RateLimiter(database, Channel(name, facility.id), 10.0) for name in ("ministry", "insurance")]
    assert [await limiter.take() for limiter in limiters] == pytest.approx([-0.2, -0.2])


async def test_without_a_rate_everything_passes_at_once(database: Database, facility: FacilityRow) -> None:
    [limiter, *_] = crew(database, facility, None)
    assert [await limiter.take() for _ in range(100)] == [0.0] * 100
