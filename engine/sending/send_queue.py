"""Priority queue of prepared deliveries that have not been sent yet."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from engine.delivery.status import Lane
from engine.limits.slots import ChannelSlots
from engine.sending.prepare import Prepared

BEHIND_ALL_LANES = len(Lane)


class SendQueue:
    """A queue ordered by lane, then by arrival. A delivery that waits for the rate limiter can still be overtaken."""

    def __init__(self) -> None:
        self._queue: asyncio.PriorityQueue[tuple[int, int, Prepared | None]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._first_in_line = asyncio.Lock()
        self._taken = asyncio.Event()

    def __len__(self) -> int:
        """Return the number of deliveries besides the one that waits for the rate limiter."""
        return self._queue.qsize()

    def put(self, prepared: Prepared) -> None:
        self._queue.put_nowait((prepared.delivery.lane, next(self._order), prepared))

    def close(self) -> None:
        """End the queue: after its last delivery `next` returns None."""
        self._queue.put_nowait((BEHIND_ALL_LANES, next(self._order), None))

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
            first = await self._queue.get()
            self._taken.set()
            prepared = first[-1]
            if prepared is None:
                self._queue.put_nowait(first)
                return None
            if not may_begin(prepared) or not await slots.acquire():
                return prepared, False
            try:
                await slots.rate_limiter.wait(len(self))
            except (SQLAlchemyError, OSError):
                slots.release()
                return prepared, False
            self._queue.put_nowait(first)
            most_urgent = self._queue.get_nowait()[-1]
            assert most_urgent is not None, "the end of the queue comes last"  # noqa: S101
            return most_urgent, True
