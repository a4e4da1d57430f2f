"""An upstream that is away, refuses us or asks us to wait: nothing is lost, and nothing hammers at it."""

from __future__ import annotations

import pytest

from adapters.base import Verdict
from engine.limits.breaker import NO_ACCOUNT_PAUSE_SECONDS
from tests.engine.small_hub import House, refused

pytestmark = pytest.mark.anyio


async def test_an_unavailable_upstream_is_tried_again_by_schedule_then_given_up(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 3
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    assert await house.status("Visit", "V1") == "retrying"
    await house.work()
    assert len(house.ministry.calls) == 1
    for _ in range(2):
        house.clock.pass_(60)
        await house.work()
    assert await house.status("Visit", "V1") == "failed"


async def test_a_refused_account_pauses_the_queue_and_loses_nothing(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="invalid_client")] * 4
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await house.work()
    assert len(house.ministry.calls) <= 4
    assert await house.status("Visit", "V0") == "queued"
    house.ministry.script = []
    house.clock.pass_(400)
    await house.work()
    assert len(house.ministry.stored) == 20


async def test_an_outage_opens_the_breaker_and_is_probed_once_at_a_time(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 100
    await house.hand_in("Visit", *({"id": f"V{n:02}"} for n in range(40)))
    await house.work()
    during = len(house.ministry.calls)
    assert during <= 3 + 4
    house.clock.pass_(31)
    await house.work()
    assert len(house.ministry.calls) == during + 1
    house.ministry.script = []
    for _ in range(3):
        house.clock.pass_(61)
        await house.work()
    assert len(house.ministry.stored) == 40


async def test_an_upstream_that_hangs_is_left_alone_by_what_cannot_be_looked_up_too(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    house.ministry.script = [refused(Verdict.UNSURE)] * 100
    await house.hand_in("Finding", *({"id": f"F{n}", "visit": "V1"} for n in range(40)))
    await house.work()
    assert len(house.ministry.posts) <= 1 + 3 + 4
    assert await house.status("Finding", "F39") == "queued"


@pytest.mark.parametrize(("asked", "seconds"), [(120.0, 120), (None, 30)])
async def test_nothing_is_sent_before_the_time_that_429_asked_for_or_a_pause(
    house: House, asked: float | None, seconds: int
) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 429, retry_after=asked)]
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(10)))
    await house.work()
    before, house.ministry.script = len(house.ministry.calls), []
    house.clock.pass_(seconds - 1)
    await house.work()
    assert len(house.ministry.calls) == before
    house.clock.pass_(2)
    await house.work()
    house.clock.pass_(60)
    await house.work()
    assert len(house.ministry.stored) == 10


async def test_no_record_gives_up_for_an_outage_however_long(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 1000
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(5)))
    for _ in range(100):
        await house.work()
        house.clock.pass_(60)
    assert len(house.ministry.calls) < 130
    house.ministry.script = []
    for _ in range(3):
        await house.work()
        house.clock.pass_(60)
    assert len(house.ministry.stored) == 5


async def test_one_poisonous_record_cannot_keep_a_channel_closed(house: House) -> None:
    def moody(call):  # type: ignore[no-untyped-def]
        if call.method == "POST" and b'"V0"' in call.body:
            return refused(Verdict.UNAVAILABLE, 500)
        return house.ministry.answer(call)

    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 3 + [moody] * 1000
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(4)))
    for _ in range(8):
        await house.work()
        house.clock.pass_(60)
    assert len(house.ministry.stored) == 3


async def test_what_only_waits_is_no_probe(house: House) -> None:
    await house.breaker.close_without_account(house.channel, "belum ada kredensial")
    await house.hand_in("Finding", *({"id": f"F{n}", "visit": "V9"} for n in range(20)))
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(3)))
    await house.work()
    assert house.ministry.calls == []
    house.clock.pass_(NO_ACCOUNT_PAUSE_SECONDS + 1)
    await house.work()
    assert len(house.ministry.stored) == 3


async def test_one_odd_refusal_costs_seconds(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="Signature Service Tidak Sesuai")]
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await house.work()
    before = len(house.ministry.stored)
    house.clock.pass_(5)
    await house.work()
    assert (before < 20, len(house.ministry.stored)) == (True, 20)


async def test_what_the_account_may_do_goes_out_beside_what_it_may_not(house: House) -> None:
    def ungranted(call):  # type: ignore[no-untyped-def]
        if call.method == "POST" and b'"V0"' in call.body:
            return refused(Verdict.UNAUTHORIZED, 404, message="You are not registered for this service!")
        return house.ministry.answer(call)

    house.ministry.script = [ungranted] * 1000
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    for _ in range(20):
        await house.work()
        house.clock.pass_(21)
    assert len(house.ministry.stored) == 19
    assert await house.status("Visit", "V0") == "queued"
