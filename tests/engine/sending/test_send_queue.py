"""Queue of prepared deliveries: sent by urgency as slots become free and the rate limit allows."""

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


class ManualLimiter(RateLimiter):
    """A rate limiter that permits the next request when the test says so."""

    def __init__(self) -> None:
        self.rate = 1.0
        self._left = asyncio.Semaphore(0)
        self.broken = False

    def come(self) -> None:
        self._left.release()

    async def wait(self, behind: int = 0) -> None:
        await self._left.acquire()
        if self.broken:
            raise ConnectionRefusedError


def part() -> tuple[ChannelSlots, ManualLimiter]:
    """Return SLOTS slots of a channel, with their rate limiter."""
    limiter = ManualLimiter()
    slots = ChannelSlots(Limits(SLOTS, None), lambda: 0, limiter)
    slots.set(SLOTS, 1)
    return slots, limiter


def prepared(lane: Lane) -> Prepared:
    return cast(Prepared, SimpleNamespace(delivery=SimpleNamespace(lane=lane)))


def always(_: Prepared) -> bool:
    return True


async def asking(queue: SendQueue, slots: ChannelSlots) -> asyncio.Task[tuple[Prepared, bool] | None]:
    """Start a sender that asks for the next delivery, and let it run until it waits."""
    task = asyncio.create_task(queue.next(slots, always))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_what_waits_for_its_turn_is_overtaken_by_what_is_more_urgent() -> None:
    queue, (slots, limiter), bulk, today = SendQueue(), part(), prepared(Lane.BULK), prepared(Lane.TODAY)
    queue.put(bulk)
    first = await asking(queue, slots)
    queue.put(today)
    limiter.come()
    assert await first == (today, True)
    limiter.come()
    assert await queue.next(slots, always) == (bulk, True)


async def test_one_at_a_time_waits_for_a_turn() -> None:
    queue, (slots, limiter) = SendQueue(), part()
    for _ in range(SLOTS):
        queue.put(prepared(Lane.BULK))
    senders = [await asking(queue, slots) for _ in range(SLOTS)]
    assert slots.used == 1
    for _ in senders:
        limiter.come()
    assert all(await asyncio.gather(*senders))
    assert slots.used == SLOTS


async def test_what_may_not_begin_takes_no_turn() -> None:
    queue, (slots, _), late = SendQueue(), part(), prepared(Lane.TODAY)
    queue.put(late)
    assert await queue.next(slots, lambda delivery: False) == (late, False)
    assert slots.used == 0


async def test_without_a_part_nothing_begins() -> None:
    queue, (slots, _), late = SendQueue(), part(), prepared(Lane.TODAY)
    slots.set(0, 0)
    queue.put(late)
    assert await queue.next(slots, always) == (late, False)


async def test_without_a_rate_the_most_urgent_is_next_until_the_slots_are_used() -> None:
    queue, (slots, limiter) = SendQueue(), part()
    limiter.rate = None
    bulk, today, last = prepared(Lane.BULK), prepared(Lane.TODAY), prepared(Lane.BACKFILL)
    for delivery in (last, bulk, today):
        queue.put(delivery)
    assert [await queue.next(slots, always) for _ in range(SLOTS)] == [(today, True), (bulk, True)]
    waiting = await asking(queue, slots)
    assert not waiting.done()
    limiter.come()
    slots.release()
    assert await waiting == (last, True)
    assert (len(queue), slots.used) == (0, SLOTS)


async def test_who_asks_later_takes_no_slot_from_the_delivery_that_waits_for_one() -> None:
    queue, (slots, limiter) = SendQueue(), part()
    limiter.rate = None
    deliveries = [prepared(Lane.BULK) for _ in range(SLOTS + 2)]
    for delivery in deliveries:
        queue.put(delivery)
        limiter.come()
    assert all([await queue.next(slots, always) for _ in range(SLOTS)])
    first = await asking(queue, slots)

    async def end_and_ask() -> tuple[Prepared, bool] | None:
        slots.release()
        return await queue.next(slots, always)

    later = asyncio.create_task(end_and_ask())
    assert await first == (deliveries[SLOTS], True)
    assert not later.done()
    slots.release()
    assert await later == (deliveries[SLOTS + 1], True)


async def test_what_may_not_begin_any_more_after_its_wait_gives_its_slot_back() -> None:
    queue, (slots, limiter), late = SendQueue(), part(), prepared(Lane.TODAY)
    queue.put(late)
    limiter.come()
    answers = iter((True, False))
    assert await queue.next(slots, lambda _: next(answers)) == (late, False)
    assert (len(queue), slots.used) == (0, 0)


async def test_an_idle_sender_is_woken_by_each_delivery() -> None:
    queue, (slots, limiter) = SendQueue(), part()
    limiter.rate = None
    for _ in range(2):
        idle, delivery = await asking(queue, slots), prepared(Lane.TODAY)
        queue.put(delivery)
        limiter.come()
        assert await idle == (delivery, True)
        slots.release()


async def test_equals_keep_their_order_and_who_asks_after_the_last_gets_nothing() -> None:
    queue, (slots, limiter), deliveries = SendQueue(), part(), [prepared(Lane.BULK) for _ in range(SLOTS)]
    for delivery in deliveries:
        queue.put(delivery)
        limiter.come()
    queue.close()
    assert [await queue.next(slots, always) for _ in range(SLOTS + 2)] == [
        *((delivery, True) for delivery in deliveries),
        None,
        None,
    ]


async def test_more_is_claimed_when_few_are_left() -> None:
    queue, (slots, _) = SendQueue(), part()
    for _ in range(2):
        queue.put(prepared(Lane.BULK))
    waiting = asyncio.create_task(queue.until_few(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    await asking(queue, slots)
    await waiting


async def test_while_nobody_can_tell_whose_turn_it_is_nothing_begins() -> None:
    queue, (slots, limiter), late = SendQueue(), part(), prepared(Lane.TODAY)
    limiter.broken = True
    limiter.come()
    queue.put(late)
    assert await queue.next(slots, always) == (late, False)
    assert slots.used == 0
