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
        self._filled = asyncio.Event()
        self._closed = False
        self._first_in_line = asyncio.Lock()
        self._taken = asyncio.Event()

    def __len__(self) -> int:
        """Return the number of deliveries besides the one that waits for the rate limiter."""
        return sum(map(len, self._lanes))

    def put(self, prepared: Prepared) -> None:
        self._lanes[prepared.delivery.lane].append(prepared)
        self._filled.set()

    def close(self) -> None:
        """End the queue: after its last delivery `next` returns None."""
        self._closed = True
        self._filled.set()

    async def until_few(self, count: int) -> None:
        """Return when at most `count` are left; what is claimed sooner than needed cannot be sent by other workers."""
        while len(self) > count:
            self._taken.clear()
            await self._taken.wait()

    async def next(self, slots: ChannelSlots, may_begin: Callable[[Prepared], bool]) -> tuple[Prepared, bool] | None:
        """Return the most urgent delivery and True, once a slot is acquired for it and the rate limiter allows it.

        False: it has no slot, because it may not begin, the worker has no slots left in the channel, or the database,
        which holds the rate limiter's state, is not reachable. One caller at a time waits for slot and rate limiter.
        """
        async with self._first_in_line:
            while not (lane := self._most_urgent()):
                if self._closed:
                    return None
                self._filled.clear()
                await self._filled.wait()
            prepared = lane.popleft()
            self._taken.set()
            if not may_begin(prepared) or not await slots.acquire():
                return prepared, False
            try:
                await slots.rate_limiter.wait(len(self))
            except (SQLAlchemyError, OSError):
                slots.release()
                return prepared, False
            lane.appendleft(prepared)
            return self._most_urgent().popleft(), True

    def _most_urgent(self) -> deque[Prepared]:
        """Return the most urgent lane that holds something, the last one if none does."""
        return next(filter(None, self._lanes), self._lanes[-1])
