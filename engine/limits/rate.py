"""Rate limiter of a channel, shared by all workers: send times are reserved in the database.

If each worker had a part of the rate instead, a request could wait for its worker's next send time while another worker
has send times to spare.
"""

from __future__ import annotations

import asyncio
from collections import deque

from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.types import Channel

# Microseconds, as all times here: at a thousand requests a second milliseconds would be too coarse.
SECOND_US = 1_000_000
BURST_US = SECOND_US // 5  # unused time that may be caught up with: within four seconds at most 5 % above the rate
RESERVED_US = SECOND_US // 20  # send times of this span are reserved together if enough requests wait
# A stored send time that is farther ahead than both was written by a clock that was wrong.
MAX_AHEAD_US, MAX_AHEAD_REQUESTS = 60 * SECOND_US, 1_000


class RateLimiter:
    """Rate limiter of one channel in this process. `rate` is requests per second; None means unlimited."""

    def __init__(self, database: Database, channel: Channel, rate: float | None) -> None:
        self.rate = rate
        self._database = database
        self._channel = channel
        self._reserved: deque[int] = deque()

    async def wait(self, behind: int = 0) -> None:
        """Return when the caller may send; `behind` more requests wait. Raises what a database raises."""
        if (seconds := await self.take(behind)) > 0:
            await asyncio.sleep(seconds)

    async def take(self, behind: int = 0) -> float:
        """Take the next send time; return the seconds until then, 0 or less if it has come."""
        return 0.0 if self.rate is None else (await self._next(self.rate, behind) - self._now()) / SECOND_US

    async def _next(self, rate: float, behind: int) -> int:
        step = int(SECOND_US / rate)
        while self._reserved:
            send_at = self._reserved.popleft()
            if -BURST_US < send_at - self._now() <= _max_ahead(step):  # farther: the clock was set back meanwhile
                return send_at
        count = min(1 + behind, max(1, RESERVED_US // step))
        end = await self._reserve(step, count)
        send_at, *more = range(end - count * step, end, step)
        self._reserved.extend(more)
        return send_at

    async def _reserve(self, step: int, count: int) -> int:
        """Reserve `count` send times that no other worker has; return the end of the last one."""
        first = self._now() - BURST_US
        parameters = {
            "upstream": self._channel.upstream,
            "facility": self._channel.facility_id,
            "first": first,
            "span": step * count,
            "end": first + step * count,
            "far": first + _max_ahead(step),
        }
        [next_at] = await self._database.returned(_RESERVE, parameters)
        return next_at

    def _now(self) -> int:
        return self._database.clock() * (SECOND_US // 1000)


def _max_ahead(step: int) -> int:
    return max(MAX_AHEAD_US, MAX_AHEAD_REQUESTS * step)


_RESERVE = Statement(
    """
INSERT INTO turns (upstream, facility_id, next_at) VALUES (:upstream, :facility, :end)
ON CONFLICT (upstream, facility_id) DO UPDATE SET next_at =
  CASE WHEN turns.next_at BETWEEN :first AND :far THEN turns.next_at + :span ELSE excluded.next_at END
RETURNING next_at
""",
    int,
)
