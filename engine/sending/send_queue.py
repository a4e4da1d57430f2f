"""Priority queue of prepared deliveries that have not been sent yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from engine.delivery.status import Lane
from engine.limits.slots import ChannelSlots
from engine.sending.prepare import Prepared


class SendQueue:
    """A queue ordered by lane, then by arrival. A delivery that waits for the rate limiter can still be overtaken."""

    def __init__(self) -> None:
        self._lanes: tuple[deque[Prepared], ...] = tuple(deque() for _ in Lane)
        self._queued = 0  # in all lanes
        self._filled = asyncio.Event()
        self._closed = False
        self._first_in_line = asyncio.Lock()
        self._few = 0  # the number for which `until_few` waits
        self._are_few = asyncio.Event()

    def __len__(self) -> int:
        """Return the number of deliveries besides the one that waits for the rate limiter."""
        return self._queued

    def put(self, prepared: Prepared) -> None:
        self._lanes[prepared.delivery.lane].append(prepared)
        self._queued += 1
        if self._queued == 1:
            self._filled.set()

    def close(self) -> None:
        """End the queue: after its last delivery `next` returns None."""
        self._closed = True
        self._filled.set()

    async def until_few(self, count: int) -> None:
        """Return when at most `count` are left; what is claimed sooner than needed cannot be sent by other workers."""
        self._few = count
        while self._queued > count:
            self._are_few.clear()
            await self._are_few.wait()

    async def next(self, slots: ChannelSlots, may_begin: Callable[[Prepared], bool]) -> tuple[Prepared, bool] | None:
        """Return the most urgent delivery and True, once a slot is acquired for it and the rate limiter allows it.

        False: it has no slot, because it may not begin, the worker has no slots left in the channel, or the database,
        which holds the rate limiter's state, is not reachable. One caller at a time waits for slot and rate limiter.
        """
        if self._queued and slots.rate_limiter.rate is None and not self._first_in_line.locked():
            lane = self._most_urgent()
            if may_begin(lane[0]) and slots.take():
                return self._take(lane), True
        return await self._next_in_line(slots, may_begin)

    async def _next_in_line(
        self, slots: ChannelSlots, may_begin: Callable[[Prepared], bool]
    ) -> tuple[Prepared, bool] | None:
        """Return what `next` returns, once nobody else waits for slot and rate limiter."""
        async with self._first_in_line:
            while not self._queued:
                if self._closed:
                    return None
                self._filled.clear()
                await self._filled.wait()
            prepared = self._take(self._most_urgent())
            if not may_begin(prepared) or not await slots.acquire():
                return prepared, False
            try:
                await slots.rate_limiter.wait(len(self))
            except (SQLAlchemyError, OSError):
                slots.release()
                return prepared, False
            self._lanes[prepared.delivery.lane].appendleft(prepared)
            self._queued += 1
            prepared = self._take(self._most_urgent())
            if not may_begin(prepared):  # asked again, because it may have waited long for its slot
                slots.release()
                return prepared, False
            return prepared, True

    def _most_urgent(self) -> deque[Prepared]:
        """Return the most urgent lane that holds something; one of them does."""
        return next(filter(None, self._lanes))

    def _take(self, lane: deque[Prepared]) -> Prepared:
        """Take the first delivery of a lane."""
        self._queued -= 1
        if self._queued == self._few:
            self._are_few.set()
        return lane.popleft()
