"""Several workers on one channel keep to its limits together, whoever comes and goes."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.database import Database
from engine.facilities import FacilityRow
from engine.outbox.entries import Channel
from engine.settler import Settler
from engine.shares import LIFE, SETTLE, Limits, Share, Shares
from tests.conftest import Clock
from tests.engine.house import House

pytestmark = pytest.mark.anyio

WHOLE = Limits(8, 20.0)


@given(st.integers(1, 50), st.integers(1, 60))
def test_the_parts_together_are_the_whole(concurrency: int, workers: int) -> None:
    parts = [Limits(concurrency, 10.0).part(rank, workers) for rank in range(workers)]
    assert sum(part.concurrency for part in parts) == concurrency
    assert sum(part.rate or 0 for part in parts) == pytest.approx(10.0)
    assert all(part.concurrency for part in parts[:concurrency])


async def test_who_is_alone_has_all_of_it_at_once(database: Database, facility: FacilityRow) -> None:
    share = await Shares(database, "one").join(Channel("ministry", facility.id), WHOLE)
    assert share.slots == 8


async def test_a_newcomer_waits_until_the_others_keep_to_less(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    first, second = Shares(database, "one"), Shares(database, "two")
    [one, two] = [await each.join(channel, WHOLE) for each in (first, second)]
    assert (one.slots, two.slots) == (8, 0)
    clock.pass_(SETTLE / 1000)
    for each in (first, second):
        each.keep(channel)
        await each.refresh()
    assert (one.slots, two.slots) == (4, 4)


async def test_who_ends_or_dies_leaves_the_part_to_the_others(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    first, second = Shares(database, "one"), Shares(database, "two")
    [one, _] = [await each.join(channel, WHOLE) for each in (first, second)]
    await first.refresh()
    assert one.slots == 4
    clock.pass_(LIFE / 1000 + 1)
    first.keep(channel)
    await first.refresh()
    assert one.slots == 8


async def test_what_is_not_drained_any_more_is_left(database: Database, facility: FacilityRow, clock: Clock) -> None:
    channel = Channel("ministry", facility.id)
    first, second = Shares(database, "one"), Shares(database, "two")
    await first.join(channel, WHOLE)
    clock.pass_(LIFE / 1000)
    await first.refresh()
    assert (await second.join(channel, WHOLE)).slots == 8


async def test_no_more_than_its_part_is_in_flight() -> None:
    share, inside, most = Share(WHOLE), 0, 0
    share.set(Limits(3, None))

    async def one() -> None:
        nonlocal inside, most
        await share.enter()
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        share.leave()

    await asyncio.gather(*(one() for _ in range(20)))
    assert most == 3


async def test_a_worker_without_a_part_claims_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.shares.REFRESH", 0.001)
    for n in range(4):
        await Shares(house.hub.database, f"older-{n}").join(house.channel, Limits(4, None))
    await house.hand_in("Visit", {"id": "V1"})
    drain = house.drain(Settler(house.hub.database, house.rung.add))
    draining = asyncio.create_task(drain.run())
    for _ in range(20):
        assert await house.status("Visit", "V1") == "queued"
    drain.stop()
    await draining
