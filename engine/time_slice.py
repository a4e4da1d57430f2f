"""Cooperative multitasking: lets other tasks run every few milliseconds during long work on the event loop."""

from __future__ import annotations

import asyncio
import time

SLICE_SECONDS = 0.01


class TimeSlice:
    """Await `pause()` between the items of long work; short work never waits."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + SLICE_SECONDS

    async def pause(self) -> None:
        """Let other tasks run, if this one has used up its slice."""
        if time.monotonic() >= self._ends:
            await asyncio.sleep(0)
            self._ends = time.monotonic() + SLICE_SECONDS
