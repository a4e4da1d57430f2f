"""Channels with something due: those alone are found, however many others there are."""

from __future__ import annotations

import pytest

from engine.delivery.types import Channel, NewRecord, Signal
from engine.facilities.facilities import add_facility
from engine.limits.breaker import NO_ACCOUNT_PAUSE_SECONDS
from engine.outbox.add import Batch, add
from engine.outbox.claim import claim
from engine.outbox.sweep import due_channels, scheduled_channels
from engine.specs.upstream import Breaker
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio


async def hand_in(antar: SmallHub, *channels: Channel) -> None:
    for channel in channels:
        batch = Batch(channel.facility_id, "Visit", channel.upstream, updatable=True)
        await add(antar.hub.database, batch, [NewRecord(channel.upstream, "2026-03-10", "{}", "hash")])


async def clinics(antar: SmallHub, count: int) -> list[int]:
    return [(await add_facility(antar.hub.database, f"k{n}", f"K{n}")).id for n in range(count)]


async def test_each_channel_with_something_due_is_found_once(antar: SmallHub) -> None:
    ids = await clinics(antar, 5)
    due = {Channel("a", ids[0]), Channel("a", ids[3]), Channel("b", ids[3]), Channel("c", ids[1])}
    await hand_in(antar, *due)
    assert await due_channels(antar.hub.database) == due


async def test_nothing_is_due_in_an_empty_outbox(antar: SmallHub) -> None:
    await clinics(antar, 3)
    assert await due_channels(antar.hub.database) == set()


async def test_what_is_held_or_due_later_is_not_due(antar: SmallHub) -> None:
    held, later = Channel("a", antar.facility.id), Channel("b", antar.facility.id)
    antar.clock.pass_(60)
    await hand_in(antar, later)
    antar.clock.pass_(-60)
    await hand_in(antar, held)
    await claim(antar.hub.database, held, 1, "worker")
    assert await due_channels(antar.hub.database) == set()
    assert await scheduled_channels(antar.hub.database) == [held, later]
    antar.clock.pass_(61)
    assert await due_channels(antar.hub.database) == {later}


async def test_a_closed_channel_is_found_when_its_probe_is_due(antar: SmallHub) -> None:
    await hand_in(antar, antar.channel)
    await antar.breaker.report(antar.channel, Breaker(failures=3, pause=30), Signal.THROTTLED, "", 120)
    assert await due_channels(antar.hub.database) == set()
    antar.clock.pass_(121)
    assert await due_channels(antar.hub.database) == {antar.channel}


async def test_a_channel_without_an_account_is_found_once_in_a_pause(antar: SmallHub) -> None:
    await hand_in(antar, antar.channel)
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    antar.clock.pass_(NO_ACCOUNT_PAUSE_SECONDS + 1)
    assert await due_channels(antar.hub.database) == {antar.channel}
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    assert await due_channels(antar.hub.database) == set()
