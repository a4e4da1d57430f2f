"""Slots of a channel: how many requests one worker may have in flight in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from engine.limits.rate import RateLimiter

REFRESH_SECONDS = 1.0  # between two allocations of the slots of shared channels


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a channel: requests in flight, and requests per second (None: only the slots limit them)."""

    concurrency: int
    rate: float | None

    def part(self, rank: int, workers: int) -> int:
        """Return the slots of the worker of that rank (from 0); the parts of all workers add up to the whole."""
        slots, left = divmod(self.concurrency, workers)
        return slots + (rank < left)


class ChannelSlots:
    """One worker's part of the slots of one channel; it outlives a drain, which ends whenever nothing is due."""

    def __init__(self, limits: Limits, clock: Callable[[], int], rate_limiter: RateLimiter) -> None:
        self.limits = limits
        self.rate_limiter = rate_limiter  # of the channel's requests; a delivery waits for it once it has a slot
        self.drained = False
        self.shared = False  # with another worker, so that this one has a part of the slots in the database
        self.kept_until = 0
        self.other_at = 0  # when another worker was last seen in the channel
        self.failures = 0  # requests in a row that the upstream did not serve: each takes a slot away, but the last one
        self.used = 0  # slots acquired and not released
        self._clock = clock
        self._valid_until = 0
        self._slots = 0
        self._changed = asyncio.Event()

    @property
    def slots(self) -> int:
        """Return the number of requests that may be in flight now."""
        return self._slots if self._clock() < self._valid_until else 0

    @property
    def reserved(self) -> int:
        """Return the number of slots that other workers must not use: those of this worker, and those in use."""
        return max(self._slots, self.used)

    def soon(self, seconds: float) -> int:
        """Return how many requests can begin within `seconds` after the next one if each ends at once."""
        slots, rate = self.slots, self.limits.rate
        if rate is None:
            return slots
        return max(0, min(slots, int(rate * seconds * slots / self.limits.concurrency) - 1))

    def set(self, slots: int, valid_until: int) -> None:
        """Use this many slots until `valid_until` (epoch ms); requests in flight end first."""
        self._slots, self._valid_until = slots, valid_until
        self._changed.set()

    async def has_slots(self) -> bool:
        """Return whether this worker has slots in the channel; wait up to REFRESH_SECONDS for the first one."""
        if not self.slots:
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), REFRESH_SECONDS)
        return bool(self.slots)

    async def acquire(self) -> bool:
        """Wait for a slot and take it; False if this worker has no slots left in the channel."""
        while not self.take():
            if not self.slots:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    def take(self) -> bool:
        """Take a slot if one is free."""
        slots = self.slots
        if self.used >= max(slots - self.failures, min(slots, 1)):
            return False
        self.used += 1
        return True

    def extend(self, valid_until: int) -> None:
        """Use as many slots as now until `valid_until` (epoch ms)."""
        self.set(self._slots, valid_until)

    def release(self) -> None:
        """Give back an acquired slot."""
        self.used -= 1
        self._changed.set()
