"""Requests per second: a token bucket of one second's worth."""

from __future__ import annotations

import asyncio
import time


class Rate:
    """Lets `per_second` pass each second, in order; None lets everything pass."""

    def __init__(self, per_second: float | None) -> None:
        self._interval = 1.0 / per_second if per_second else 0.0
        self._next = 0.0

    async def wait(self) -> None:
        """Return when it is this caller's turn."""
        if not self._interval:
            return
        now = time.monotonic()
        turn = max(self._next, now - 1.0)
        self._next = turn + self._interval
        if turn > now:
            await asyncio.sleep(turn - now)
