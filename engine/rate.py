"""Requests per second: a token bucket of one second's worth."""

from __future__ import annotations

import asyncio
import time


class Rate:
    """Lets `per_second` pass each second, in order; None lets everything pass."""

    def __init__(self, per_second: float | None) -> None:
        self.per_second = per_second
        self._next = 0.0

    async def wait(self) -> None:
        """Return when it is this caller's turn."""
        if not self.per_second:
            return
        now = time.monotonic()
        turn = max(self._next, now - 1.0)
        self._next = turn + 1.0 / self.per_second
        if turn > now:
            await asyncio.sleep(turn - now)
