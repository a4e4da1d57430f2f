"""What one drain has prepared and not begun, the most urgent first."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from engine.delivery.status import Lane
from engine.limits.slots import ChannelSlots
from engine.sending.prepare import Prepared

LAST = len(Lane)  # Behind every lane


class SendQueue:
    """A queue by lane, then by arrival. What waits for its turn is still in it and can be overtaken."""

    def __init__(self) -> None:
        self._queue: asyncio.PriorityQueue[tuple[int, int, Prepared | None]] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._first_in_line = asyncio.Lock()
        self._taken = asyncio.Event()

    def __len__(self) -> int:
        """How many there are besides the one that waits for its turn."""
        return self._queue.qsize()

    def put(self, prepared: Prepared) -> None:
        self._queue.put_nowait((prepared.delivery.lane, next(self._order), prepared))

    def close(self) -> None:
        """Nothing more comes: whoever asks for the next gets None when all is taken."""
        self._queue.put_nowait((LAST, next(self._order), None))

    async def until_few(self, count: int) -> None:
        """Return when no more than so many wait: what is claimed early cannot be sent by others."""
        while len(self) > count:
            self._taken.clear()
            await self._taken.wait()

    async def next(self, share: ChannelSlots, may_begin: Callable[[Prepared], bool]) -> tuple[Prepared, bool] | None:
        """The most urgent one when a slot and a turn have come, and True: it has entered the share.

        False: it may not begin, no part is left to wait for, or the database is away, which tells whose turn it is.
        One caller at a time waits for slot and turn.
        """
        async with self._first_in_line:
            first = await self._queue.get()
            self._taken.set()
            prepared = first[-1]
            if prepared is None:
                self._queue.put_nowait(first)
                return None
            if not may_begin(prepared) or not await share.enter():
                return prepared, False
            try:
                await share.turns.wait(len(self))
            except (SQLAlchemyError, OSError):
                share.leave()
                return prepared, False
            self._queue.put_nowait(first)
            most_urgent = self._queue.get_nowait()[-1]
            assert most_urgent is not None, "whoever closes comes last"  # noqa: S101
            return most_urgent, True
