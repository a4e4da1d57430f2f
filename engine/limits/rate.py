"""Requests per second of a channel: its workers reserve their turns in the database, so that all keep to one rate.

A part of the rate for each worker would let a request wait for a turn of its worker while another has turns to spare.
"""

from __future__ import annotations

import asyncio
from collections import deque

from sqlalchemy import text

from engine.database.database import Database
from engine.delivery.types import Channel

# In microseconds, as all times here: at a thousand a second the milliseconds of the other tables would not do.
SECOND = 1_000_000
BURST = SECOND // 5  # What is caught up with: so no stretch of four seconds or more sees 5 % above the rate
AT_ONCE = SECOND // 20  # Turns of this time are reserved at once, where so many wait
# No turn is reserved for so late and so many turns ahead: such a time was written by a clock that was wrong.
FAR, FAR_TURNS = 60 * SECOND, 1_000


class RateLimiter:
    """Those of one channel, for one process; `rate` is per second, None lets everything pass at once."""

    def __init__(self, database: Database, channel: Channel, rate: float | None) -> None:
        self.rate = rate
        self._database = database
        self._channel = channel
        self._reserved: deque[int] = deque()

    async def wait(self, behind: int = 0) -> None:
        """Return when it is this caller's turn; so many more wait `behind` it. Raises what a database raises."""
        if (seconds := await self.take(behind)) > 0:
            await asyncio.sleep(seconds)

    async def take(self, behind: int = 0) -> float:
        """The next turn; in how many seconds it is, not above 0 if it has come."""
        return 0.0 if self.rate is None else (await self._next(self.rate, behind) - self._now()) / SECOND

    async def _next(self, rate: float, behind: int) -> int:
        step = int(SECOND / rate)
        while self._reserved:
            turn = self._reserved.popleft()
            if -BURST < turn - self._now() <= _far(step):  # farther: the clock was set back meanwhile
                return turn
        count = min(1 + behind, max(1, AT_ONCE // step))
        end = await self._reserve(step, count)
        turn, *more = range(end - count * step, end, step)
        self._reserved.extend(more)
        return turn

    async def _reserve(self, step: int, count: int) -> int:
        """The end of so many turns that nobody else has."""
        first = self._now() - BURST
        parameters = {
            "upstream": self._channel.upstream,
            "facility": self._channel.facility_id,
            "first": first,
            "span": step * count,
            "end": first + step * count,
            "far": first + _far(step),
        }
        return int(
            await self._database.write(lambda connection: connection.execute(text(_RESERVE), parameters).scalar_one())
        )

    def _now(self) -> int:
        return self._database.clock() * (SECOND // 1000)


def _far(step: int) -> int:
    return max(FAR, FAR_TURNS * step)


_RESERVE = """
INSERT INTO turns (upstream, facility_id, next_at) VALUES (:upstream, :facility, :end)
ON CONFLICT (upstream, facility_id) DO UPDATE SET next_at =
  CASE WHEN turns.next_at BETWEEN :first AND :far THEN turns.next_at + :span ELSE excluded.next_at END
RETURNING next_at
"""
