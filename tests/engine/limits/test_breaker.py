"""When a channel closes, how long it stays so, and who may open it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.delivery.types import Signal
from engine.facilities.facilities import set_credentials
from engine.limits.breaker import REFUSED_PAUSE_SECONDS, BreakerState, CircuitBreaker
from engine.specs.upstream import Breaker
from tests.engine.small_hub import House, refused

pytestmark = pytest.mark.anyio

BREAKER = Breaker(failures=3, pause=30)
CLOSED, OPEN, PROBE = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.PROBE
Report = tuple[Signal] | tuple[Signal, str] | tuple[Signal, str, float]
GOOD = (Signal.GOOD,)
DOWN = (
    Signal.DOWN,
    "tidak terjangkau",
)
REFUSED = (
    Signal.REFUSED,
    "Signature Service Tidak Sesuai",
)


def throttled(seconds: float) -> Report:
    return (Signal.THROTTLED, "terlalu banyak", seconds)


async def state(house: House, breaker: CircuitBreaker | None = None) -> BreakerState:
    return await (breaker or house.breaker).state(house.channel, BREAKER)


async def report(house: House, outcome: Report, *, probe: bool = False) -> None:
    await house.breaker.report(house.channel, BREAKER, *outcome, probe=probe)


async def row(house: House) -> Any:
    rows = await house.hub.database.fetch(text("SELECT * FROM channels"))
    return rows[0] if rows else None


async def test_a_success_that_was_on_its_way_does_not_open_what_was_throttled(house: House) -> None:
    await report(house, throttled(120))
    await report(house, GOOD)
    house.clock.pass_(119)
    assert await state(house) == CLOSED
    house.clock.pass_(2)
    assert await state(house) == PROBE
    await report(house, GOOD, probe=True)
    assert await state(house) == OPEN


async def test_a_probe_told_to_wait_longer_is_followed_by_none_before(house: House) -> None:
    for _ in range(3):
        await report(house, DOWN)
    house.clock.pass_(31)
    assert await state(house) == PROBE
    await report(house, throttled(600), probe=True)
    assert ((await row(house)).cause, (await row(house)).reason) == ("throttled", "terlalu banyak")
    house.clock.pass_(599)
    assert await state(house) == CLOSED
    house.clock.pass_(2)
    assert await state(house) == PROBE


async def test_a_probe_told_to_wait_less_is_believed(house: House) -> None:
    await report(
        house,
        (
            Signal.REFUSED,
            "ditolak",
        ),
    )
    house.clock.pass_(REFUSED_PAUSE_SECONDS[0] + 1)
    assert await state(house) == PROBE
    await report(house, throttled(10), probe=True)
    house.clock.pass_(11)
    assert await state(house) == PROBE


@pytest.mark.parametrize(
    "later",
    [
        throttled(10),
        DOWN,
        (
            Signal.REFUSED,
            "ditolak",
        ),
    ],
)
async def test_the_longest_wait_that_was_asked_for_holds(house: House, later: Report) -> None:
    await report(house, throttled(900))
    for _ in range(4):
        await report(house, later)
    house.clock.pass_(899)
    assert await state(house) == CLOSED
    assert (await row(house)).cause == "throttled"


async def test_a_probe_opens_nothing_that_another_process_was_told_to_leave(house: House) -> None:
    other = CircuitBreaker(house.hub.database)
    await report(house, throttled(10))
    house.clock.pass_(11)
    assert await state(house) == PROBE
    await other.report(house.channel, BREAKER, *throttled(600))
    await report(house, GOOD, probe=True)
    assert await state(house) == CLOSED


async def test_a_wait_of_nothing_is_one_of_a_second(house: House) -> None:
    await report(house, throttled(0))
    assert await state(house) == CLOSED
    house.clock.pass_(1)
    assert await state(house) == PROBE


async def test_what_another_process_opened_does_not_close_at_the_first_failure(house: House) -> None:
    for _ in range(3):
        await report(house, DOWN)
    await house.hub.database.write(lambda connection: connection.execute(text("DELETE FROM channels")))
    assert await state(house) == OPEN
    await report(house, DOWN)
    assert await state(house) == OPEN


async def test_a_refusal_is_written_again_after_its_row_is_gone(house: House) -> None:
    await house.breaker.close_without_account(house.channel, "belum lengkap")
    await house.hub.database.write(lambda connection: connection.execute(text("DELETE FROM channels")))
    await house.breaker.close_without_account(house.channel, "belum lengkap")
    assert (await row(house)).reason == "belum lengkap"


async def test_a_refusal_said_each_second_moves_no_probe(house: House) -> None:
    await house.breaker.close_without_account(house.channel, "belum lengkap")
    before = (await row(house)).probe_at
    house.clock.pass_(1)
    await house.breaker.close_without_account(house.channel, "belum lengkap")
    assert (await row(house)).probe_at == before
    await house.breaker.close_without_account(house.channel, "alamat belum ditentukan")
    assert (await row(house)).reason == "alamat belum ditentukan"


async def test_what_was_ready_before_a_closing_is_no_probe(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503, retry_after=0.0)] * 1000
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    for _ in range(5):
        before = len(house.ministry.calls)
        async with asyncio.timeout(20):
            await house.work()
        assert len(house.ministry.calls) - before <= 4
        house.clock.pass_(2)


async def test_there_is_no_second_probe_while_the_first_may_last(house: House) -> None:
    other = CircuitBreaker(house.hub.database)
    for _ in range(3):
        await report(house, DOWN)
    house.clock.pass_(31)
    assert await house.breaker.state(house.channel, BREAKER, 80.0) == PROBE
    house.clock.pass_(79)
    assert await other.state(house.channel, BREAKER, 80.0) == CLOSED
    house.clock.pass_(2)
    assert await other.state(house.channel, BREAKER, 80.0) == PROBE


async def test_a_probe_that_found_nothing_to_ask_is_followed_after_a_pause(house: House) -> None:
    for _ in range(3):
        await report(house, DOWN)
    house.clock.pass_(31)
    assert await house.breaker.state(house.channel, BREAKER, 80.0) == PROBE
    await house.breaker.probe_unused(house.channel, BREAKER)
    house.clock.pass_(31)
    assert await state(house) == PROBE


async def test_who_has_something_in_flight_is_no_probe(house: House) -> None:
    for _ in range(3):
        await report(house, DOWN)
    house.clock.pass_(31)
    assert await house.breaker.state(house.channel, BREAKER, idle=False) == CLOSED
    assert await state(house) == PROBE


async def test_an_outage_is_seen_by_no_more_than_the_slots(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 1000
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await house.work_once()
    assert len(house.ministry.calls) <= 4


async def test_who_looks_while_it_is_being_closed_does_not_open_it(house: House) -> None:
    for _ in range(2):
        await report(house, DOWN)
    looking = asyncio.ensure_future(house.breaker.state(house.channel, BREAKER))
    closing = asyncio.ensure_future(report(house, DOWN))
    await looking
    assert not house.breaker.is_open(house.channel)
    await closing
    assert await state(house) == CLOSED


async def seconds_to_probe(house: House, breaker: CircuitBreaker | None = None) -> int:
    """How long the channel stays closed; the probe is taken."""
    for seconds in range(1000):
        if await state(house, breaker) == PROBE:
            return seconds
        house.clock.pass_(1)
    raise AssertionError("never probed")


async def test_pauses_after_refusals_grow_from_probe_to_probe_and_worker_to_worker(house: House) -> None:
    await report(house, REFUSED)
    pauses = []
    for n in range(7):
        breaker = CircuitBreaker(house.hub.database) if n % 2 else house.breaker
        pauses.append(await seconds_to_probe(house, breaker))
        await breaker.report(house.channel, BREAKER, *REFUSED, probe=True)
    assert pauses == [*REFUSED_PAUSE_SECONDS, 300, 300]


async def test_a_refusal_that_several_requests_saw_counts_once(house: House) -> None:
    for breaker in (house.breaker, CircuitBreaker(house.hub.database), CircuitBreaker(house.hub.database)):
        await breaker.report(house.channel, BREAKER, *REFUSED)
    assert ((await row(house)).refusals, await seconds_to_probe(house)) == (1, 5)


async def test_a_success_and_new_credentials_let_the_pauses_begin_anew(house: House) -> None:
    await report(house, REFUSED)
    for _ in range(3):
        await seconds_to_probe(house)
        await report(house, REFUSED, probe=True)
    await seconds_to_probe(house)
    await report(house, GOOD, probe=True)
    await report(house, REFUSED)
    assert await seconds_to_probe(house) == 5
    await report(house, REFUSED, probe=True)
    await set_credentials(house.hub.database, house.hub.vault, house.facility.id, "ministry", {"secret": "baru"})
    await report(house, REFUSED)
    assert await seconds_to_probe(house) == 5


async def test_an_outage_between_two_refusals_forgets_none(house: House) -> None:
    await report(house, REFUSED)
    for outcome in (REFUSED, DOWN, REFUSED):
        await seconds_to_probe(house)
        await report(house, outcome, probe=True)
    assert await seconds_to_probe(house) == 45


async def test_a_refused_account_logs_in_sixteen_times_in_the_first_hour_and_twelve_in_the_next(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAUTHORIZED, 401)] * 1000
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await house.work()
    logins = [len(house.ministry.calls)]
    for second in range(7200):
        await house.work() if (await row(house)).probe_at <= house.clock() else None
        house.clock.pass_(1)
        if second in (3599, 7199):
            logins.append(len(house.ministry.calls))
    assert logins[0] <= 4, "no more than the slots"
    assert (logins[1] - logins[0] <= 16, logins[2] - logins[1] <= 12) == (True, True)
