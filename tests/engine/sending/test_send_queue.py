"""What is prepared begins by urgency, when a slot and a turn have come."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from engine.delivery.status import Lane
from engine.limits.rate import RateLimiter
from engine.limits.slots import ChannelSlots, Limits
from engine.sending.prepare import Prepared
from engine.sending.send_queue import SendQueue

pytestmark = pytest.mark.anyio

SLOTS = 2


class Told(RateLimiter):
    """Turns that come when the test says so."""

    def __init__(self) -> None:
        self._left = asyncio.Semaphore(0)
        self.broken = False

    def come(self) -> None:
        self._left.release()

    async def wait(self, behind: int = 0) -> None:
        await self._left.acquire()
        if self.broken:
            raise ConnectionRefusedError


def part() -> tuple[ChannelSlots, Told]:
    """A part of SLOTS slots, and its turns."""
    turns = Told()
    share = ChannelSlots(Limits(SLOTS, None), lambda: 0, turns)
    share.set(SLOTS, 1)
    return share, turns


def prepared(lane: Lane) -> Prepared:
    return cast(Prepared, SimpleNamespace(delivery=SimpleNamespace(lane=lane)))


def always(_: Prepared) -> bool:
    return True


async def asking(ready: SendQueue, share: ChannelSlots) -> asyncio.Task[tuple[Prepared, bool] | None]:
    """A sender that asks for the next one and gets as far as it can."""
    task = asyncio.create_task(ready.next(share, always))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_what_waits_for_its_turn_is_overtaken_by_what_is_more_urgent() -> None:
    ready, (share, turns), bulk, today = SendQueue(), part(), prepared(Lane.BULK), prepared(Lane.TODAY)
    ready.put(bulk)
    first = await asking(ready, share)
    ready.put(today)
    turns.come()
    assert await first == (today, True)
    turns.come()
    assert await ready.next(share, always) == (bulk, True)


async def test_one_at_a_time_waits_for_a_turn() -> None:
    ready, (share, turns) = SendQueue(), part()
    for _ in range(SLOTS):
        ready.put(prepared(Lane.BULK))
    senders = [await asking(ready, share) for _ in range(SLOTS)]
    assert share.used == 1
    for _ in senders:
        turns.come()
    assert all(await asyncio.gather(*senders))
    assert share.used == SLOTS


async def test_what_may_not_begin_takes_no_turn() -> None:
    ready, (share, _), late = SendQueue(), part(), prepared(Lane.TODAY)
    ready.put(late)
    assert await ready.next(share, lambda each: False) == (late, False)
    assert share.used == 0


async def test_without_a_part_nothing_begins() -> None:
    ready, (share, _), late = SendQueue(), part(), prepared(Lane.TODAY)
    share.set(0, 0)
    ready.put(late)
    assert await ready.next(share, always) == (late, False)


async def test_equals_keep_their_order_and_who_asks_after_the_last_gets_nothing() -> None:
    ready, (share, turns), deliveries = SendQueue(), part(), [prepared(Lane.BULK) for _ in range(SLOTS)]
    for each in deliveries:
        ready.put(each)
        turns.come()
    ready.close()
    assert [await ready.next(share, always) for _ in range(SLOTS + 2)] == [
        *((each, True) for each in deliveries),
        None,
        None,
    ]


async def test_more_is_claimed_when_few_are_left() -> None:
    ready, (share, _) = SendQueue(), part()
    for _ in range(2):
        ready.put(prepared(Lane.BULK))
    waiting = asyncio.create_task(ready.until_few(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    await asking(ready, share)
    await waiting


async def test_while_nobody_can_tell_whose_turn_it_is_nothing_begins() -> None:
    ready, (share, turns), late = SendQueue(), part(), prepared(Lane.TODAY)
    turns.broken = True
    turns.come()
    ready.put(late)
    assert await ready.next(share, always) == (late, False)
    assert share.used == 0
