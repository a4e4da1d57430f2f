"""Outages: an upstream that is away, refuses or asks for a pause; nothing is lost, and requests stay few."""

from __future__ import annotations

import pytest

from adapters.base import Verdict
from engine.limits.breaker import NO_ACCOUNT_PAUSE_SECONDS
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio


async def test_an_unavailable_upstream_is_tried_again_by_schedule_then_given_up(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 3
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == "retrying"
    await antar.work()
    assert len(antar.ministry.calls) == 1
    for _ in range(2):
        antar.clock.pass_(60)
        await antar.work()
    assert await antar.status("Visit", "V1") == "failed"


async def test_a_refused_account_pauses_the_queue_and_loses_nothing(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="invalid_client")] * 4
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await antar.work()
    assert len(antar.ministry.calls) <= 4
    assert await antar.status("Visit", "V0") == "queued"
    antar.ministry.script = []
    antar.clock.pass_(400)
    await antar.work()
    assert len(antar.ministry.stored) == 20


async def test_an_outage_opens_the_breaker_and_is_probed_once_at_a_time(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 100
    await antar.hand_in("Visit", *({"id": f"V{n:02}"} for n in range(40)))
    await antar.work()
    during = len(antar.ministry.calls)
    assert during <= 3 + 4
    antar.clock.pass_(31)
    await antar.work()
    assert len(antar.ministry.calls) == during + 1
    antar.ministry.script = []
    for _ in range(3):
        antar.clock.pass_(61)
        await antar.work()
    assert len(antar.ministry.stored) == 40


async def test_an_upstream_that_hangs_is_left_alone_by_what_cannot_be_looked_up_too(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [refused(Verdict.UNSURE)] * 100
    await antar.hand_in("Finding", *({"id": f"F{n}", "visit": "V1"} for n in range(40)))
    await antar.work()
    assert len(antar.ministry.posts) <= 1 + 3 + 4
    assert await antar.status("Finding", "F39") == "queued"


@pytest.mark.parametrize(("asked", "seconds"), [(120.0, 120), (None, 30)])
async def test_nothing_is_sent_before_the_time_that_429_asked_for_or_a_pause(
    antar: SmallHub, asked: float | None, seconds: int
) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 429, retry_after=asked)]
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(10)))
    await antar.work()
    before, antar.ministry.script = len(antar.ministry.calls), []
    antar.clock.pass_(seconds - 1)
    await antar.work()
    assert len(antar.ministry.calls) == before
    antar.clock.pass_(2)
    await antar.work()
    antar.clock.pass_(60)
    await antar.work()
    assert len(antar.ministry.stored) == 10


async def test_no_record_gives_up_for_an_outage_however_long(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 1000
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(5)))
    for _ in range(100):
        await antar.work()
        antar.clock.pass_(60)
    assert len(antar.ministry.calls) < 130
    antar.ministry.script = []
    for _ in range(3):
        await antar.work()
        antar.clock.pass_(60)
    assert len(antar.ministry.stored) == 5


async def test_one_poisonous_record_cannot_keep_a_channel_closed(antar: SmallHub) -> None:
    def moody(call):  # type: ignore[no-untyped-def]
        if call.method == "POST" and b'"V0"' in call.body:
            return refused(Verdict.UNAVAILABLE, 500)
        return antar.ministry.answer(call)

    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 3 + [moody] * 1000
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(4)))
    for _ in range(8):
        await antar.work()
        antar.clock.pass_(60)
    assert len(antar.ministry.stored) == 3


async def test_what_only_waits_is_no_probe(antar: SmallHub) -> None:
    await antar.breaker.close_without_account(antar.channel, "belum ada kredensial")
    await antar.hand_in("Finding", *({"id": f"F{n}", "visit": "V9"} for n in range(20)))
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(3)))
    await antar.work()
    assert antar.ministry.calls == []
    antar.clock.pass_(NO_ACCOUNT_PAUSE_SECONDS + 1)
    await antar.work()
    assert len(antar.ministry.stored) == 3


async def test_one_odd_refusal_costs_seconds(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="Signature Service Tidak Sesuai")]
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await antar.work()
    before = len(antar.ministry.stored)
    antar.clock.pass_(5)
    await antar.work()
    assert (before < 20, len(antar.ministry.stored)) == (True, 20)


async def test_what_the_account_may_do_goes_out_beside_what_it_may_not(antar: SmallHub) -> None:
    def ungranted(call):  # type: ignore[no-untyped-def]
        if call.method == "POST" and b'"V0"' in call.body:
            return refused(Verdict.UNAUTHORIZED, 404, message="You are not registered for this service!")
        return antar.ministry.answer(call)

    antar.ministry.script = [ungranted] * 1000
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    for _ in range(20):
        await antar.work()
        antar.clock.pass_(21)
    assert len(antar.ministry.stored) == 19
    assert await antar.status("Visit", "V0") == "queued"
