"""Circuit breaker of a channel: when it closes the channel, for how long, and who may probe."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.delivery.types import Signal
from engine.facilities.facilities import set_credentials
from engine.limits.breaker import NO_ACCOUNT_PAUSE_SECONDS, REFUSED_PAUSE_SECONDS, BreakerState, CircuitBreaker
from engine.specs.upstream import Breaker
from tests.engine.small_hub import SmallHub, refused

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


async def state(antar: SmallHub, breaker: CircuitBreaker | None = None) -> BreakerState:
    return await (breaker or antar.breaker).state(antar.channel, BREAKER)


async def report(antar: SmallHub, outcome: Report, *, probe: bool = False) -> None:
    await antar.breaker.report(antar.channel, BREAKER, *outcome, probe=probe)


async def row(antar: SmallHub) -> Any:
    rows = await antar.hub.database.fetch(text("SELECT * FROM channels"))
    return rows[0] if rows else None


async def test_a_success_that_was_on_its_way_does_not_open_what_was_throttled(antar: SmallHub) -> None:
    await report(antar, throttled(120))
    await report(antar, GOOD)
    antar.clock.pass_(119)
    assert await state(antar) == CLOSED
    antar.clock.pass_(2)
    assert await state(antar) == PROBE
    await report(antar, GOOD, probe=True)
    assert await state(antar) == OPEN


async def test_a_probe_told_to_wait_longer_is_followed_by_none_before(antar: SmallHub) -> None:
    for _ in range(3):
        await report(antar, DOWN)
    antar.clock.pass_(31)
    assert await state(antar) == PROBE
    await report(antar, throttled(600), probe=True)
    assert ((await row(antar)).cause, (await row(antar)).reason) == ("throttled", "terlalu banyak")
    antar.clock.pass_(599)
    assert await state(antar) == CLOSED
    antar.clock.pass_(2)
    assert await state(antar) == PROBE


async def test_a_probe_told_to_wait_less_is_believed(antar: SmallHub) -> None:
    await report(
        antar,
        (
            Signal.REFUSED,
            "ditolak",
        ),
    )
    antar.clock.pass_(REFUSED_PAUSE_SECONDS[0] + 1)
    assert await state(antar) == PROBE
    await report(antar, throttled(10), probe=True)
    antar.clock.pass_(11)
    assert await state(antar) == PROBE


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
async def test_the_longest_wait_that_was_asked_for_holds(antar: SmallHub, later: Report) -> None:
    await report(antar, throttled(900))
    for _ in range(4):
        await report(antar, later)
    antar.clock.pass_(899)
    assert await state(antar) == CLOSED
    assert (await row(antar)).cause == "throttled"


async def test_a_probe_opens_nothing_that_another_process_was_told_to_leave(antar: SmallHub) -> None:
    other = CircuitBreaker(antar.hub.database)
    await report(antar, throttled(10))
    antar.clock.pass_(11)
    assert await state(antar) == PROBE
    await other.report(antar.channel, BREAKER, *throttled(600))
    await report(antar, GOOD, probe=True)
    assert await state(antar) == CLOSED


async def test_a_wait_of_nothing_is_one_of_a_second(antar: SmallHub) -> None:
    await report(antar, throttled(0))
    assert await state(antar) == CLOSED
    antar.clock.pass_(1)
    assert await state(antar) == PROBE


async def test_what_another_process_opened_does_not_close_at_the_first_failure(antar: SmallHub) -> None:
    for _ in range(3):
        await report(antar, DOWN)
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DELETE FROM channels")))
    assert await state(antar) == OPEN
    await report(antar, DOWN)
    assert await state(antar) == OPEN


async def test_a_refusal_is_written_again_after_its_row_is_gone(antar: SmallHub) -> None:
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DELETE FROM channels")))
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    assert (await row(antar)).reason == "belum lengkap"


async def test_a_refusal_said_each_second_moves_no_probe(antar: SmallHub) -> None:
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    before = (await row(antar)).probe_at
    antar.clock.pass_(1)
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    assert (await row(antar)).probe_at == before
    await antar.breaker.close_without_account(antar.channel, "alamat belum ditentukan")
    assert (await row(antar)).reason == "alamat belum ditentukan"


async def test_what_was_ready_before_a_closing_is_no_probe(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503, retry_after=0.0)] * 1000
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    for _ in range(5):
        before = len(antar.ministry.calls)
        async with asyncio.timeout(20):
            await antar.work()
        assert len(antar.ministry.calls) - before <= 4
        antar.clock.pass_(2)


async def test_there_is_no_second_probe_while_the_first_may_last(antar: SmallHub) -> None:
    other = CircuitBreaker(antar.hub.database)
    for _ in range(3):
        await report(antar, DOWN)
    antar.clock.pass_(31)
    assert await antar.breaker.state(antar.channel, BREAKER, 80.0) == PROBE
    antar.clock.pass_(79)
    assert await other.state(antar.channel, BREAKER, 80.0) == CLOSED
    antar.clock.pass_(2)
    assert await other.state(antar.channel, BREAKER, 80.0) == PROBE


async def test_a_probe_that_found_nothing_to_ask_is_followed_after_a_pause(antar: SmallHub) -> None:
    for _ in range(3):
        await report(antar, DOWN)
    antar.clock.pass_(31)
    assert await antar.breaker.state(antar.channel, BREAKER, 80.0) == PROBE
    await antar.breaker.probe_unused(antar.channel, BREAKER)
    antar.clock.pass_(31)
    assert await state(antar) == PROBE


async def test_who_has_something_in_flight_is_no_probe(antar: SmallHub) -> None:
    for _ in range(3):
        await report(antar, DOWN)
    antar.clock.pass_(31)
    assert await antar.breaker.state(antar.channel, BREAKER, idle=False) == CLOSED
    assert await state(antar) == PROBE


async def test_an_outage_is_seen_by_no_more_than_the_slots(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 1000
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await antar.work_once()
    assert len(antar.ministry.calls) <= 4


async def test_who_looks_while_it_is_being_closed_does_not_open_it(antar: SmallHub) -> None:
    for _ in range(2):
        await report(antar, DOWN)
    looking = asyncio.ensure_future(antar.breaker.state(antar.channel, BREAKER))
    closing = asyncio.ensure_future(report(antar, DOWN))
    await looking
    assert not antar.breaker.is_open(antar.channel)
    await closing
    assert await state(antar) == CLOSED


async def seconds_to_probe(antar: SmallHub, breaker: CircuitBreaker | None = None) -> int:
    """Return how long the channel stays closed; the probe is taken."""
    for seconds in range(1000):
        if await state(antar, breaker) == PROBE:
            return seconds
        antar.clock.pass_(1)
    raise AssertionError("never probed")


async def test_pauses_after_refusals_grow_from_probe_to_probe_and_worker_to_worker(antar: SmallHub) -> None:
    await report(antar, REFUSED)
    pauses = []
    for n in range(7):
        breaker = CircuitBreaker(antar.hub.database) if n % 2 else antar.breaker
        pauses.append(await seconds_to_probe(antar, breaker))
        await breaker.report(antar.channel, BREAKER, *REFUSED, probe=True)
    assert pauses == [*REFUSED_PAUSE_SECONDS, 300, 300]


async def test_a_refusal_that_several_requests_saw_counts_once(antar: SmallHub) -> None:
    for breaker in (antar.breaker, CircuitBreaker(antar.hub.database), CircuitBreaker(antar.hub.database)):
        await breaker.report(antar.channel, BREAKER, *REFUSED)
    assert ((await row(antar)).refusals, await seconds_to_probe(antar)) == (1, 5)


async def test_a_success_and_new_credentials_let_the_pauses_begin_anew(antar: SmallHub) -> None:
    await report(antar, REFUSED)
    for _ in range(3):
        await seconds_to_probe(antar)
        await report(antar, REFUSED, probe=True)
    await seconds_to_probe(antar)
    await report(antar, GOOD, probe=True)
    await report(antar, REFUSED)
    assert await seconds_to_probe(antar) == 5
    await report(antar, REFUSED, probe=True)
    await set_credentials(antar.hub.database, antar.hub.vault, antar.facility.id, "ministry", {"secret": "baru"})
    await report(antar, REFUSED)
    assert await seconds_to_probe(antar) == 5


async def test_an_outage_between_two_refusals_forgets_none(antar: SmallHub) -> None:
    await report(antar, REFUSED)
    for outcome in (REFUSED, DOWN, REFUSED):
        await seconds_to_probe(antar)
        await report(antar, outcome, probe=True)
    assert await seconds_to_probe(antar) == 45


async def test_a_refused_account_logs_in_sixteen_times_in_the_first_hour_and_twelve_in_the_next(
    antar: SmallHub,
) -> None:
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, 401)] * 1000
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await antar.work()
    logins = [len(antar.ministry.calls)]
    for second in range(7200):
        await antar.work() if (await row(antar)).probe_at <= antar.clock() else None
        antar.clock.pass_(1)
        if second in (3599, 7199):
            logins.append(len(antar.ministry.calls))
    assert logins[0] <= 4, "no more than the slots"
    assert (logins[1] - logins[0] <= 16, logins[2] - logins[1] <= 12) == (True, True)


async def test_a_channel_without_an_account_stays_closed_for_another_pause_when_one_is_over(antar: SmallHub) -> None:
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    antar.clock.pass_(NO_ACCOUNT_PAUSE_SECONDS + 1)
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    assert (await row(antar)).probe_at == antar.clock() + int(NO_ACCOUNT_PAUSE_SECONDS * 1000)
