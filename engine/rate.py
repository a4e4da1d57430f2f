"""Requests per second: a token bucket of a fifth of a second's worth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

BURST = 0.2
"""Seconds that are caught up with: so no stretch of four seconds or more sees 5 % above the rate."""


class Rate:
    """Lets `per_second` pass each second, in order; None lets everything pass."""

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self._clock = clock
        self._next = clock()

    async def wait(self) -> None:
        """Return when it is this caller's turn."""
        seconds = self.take()
        if seconds > 0:
            await asyncio.sleep(seconds)

    def take(self) -> float:
        """The next turn; in how many seconds it is."""
        if not self.per_second:
            return 0.0
        now = self._clock()
        turn = max(self._next, now - BURST)
        self._next = turn + 1.0 / self.per_second
        return max(0.0, turn - now)
