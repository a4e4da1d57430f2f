"""Concurrency limiter of a channel: divides its slots among the workers that drain it.

A worker writes its part to the database before it uses it, and keeps it there until it has stopped using it, so that
the parts together are never more than the whole. A newcomer gets what the others have given up: at once where they are
idle, else after two of their refreshes. The part of a dead worker is free after LIFE_MS and one refresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.types import Channel
from engine.limits.rate import RateLimiter

REFRESH_SECONDS = 1.0  # between two allocations
LIFE_MS = 10_000  # without a refresh, after which a worker has no part of a channel any more
VALID_MS = LIFE_MS - 1_000  # without a refresh, after which a worker itself stops using its part
KEEP_MS = 10_000  # for which a worker without work in a channel keeps a part of it
ADVISORY_LOCK = 0x7368617265  # "share": one worker after the other allocates; SQLite has one writer anyway


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
        self.kept_until = 0
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
        while self.used >= self._allowed:
            if not self.slots:
                return False
            self._changed.clear()
            await self._changed.wait()
        self.used += 1
        return True

    def release(self) -> None:
        """Give back an acquired slot."""
        self.used -= 1
        self._changed.set()

    @property
    def _allowed(self) -> int:
        slots = self.slots
        return max(slots - self.failures, min(slots, 1))


class SlotAllocator:
    """Divides the slots of channels among workers; this object is one worker's view. The parts are in the database."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._channels: dict[Channel, ChannelSlots] = {}
        self._writing = asyncio.Lock()

    async def join(self, channel: Channel, limits: Limits) -> ChannelSlots:
        """Return this worker's slots of a channel that it now drains: all of them, if no other worker drains it."""
        slots = self._channels.get(channel)
        if slots is None:
            rate_limiter = RateLimiter(self._database, channel, limits.rate)
            slots = self._channels[channel] = ChannelSlots(limits, self._database.clock, rate_limiter)
        changed, slots.limits, slots.rate_limiter.rate = slots.limits != limits, limits, limits.rate
        slots.drained = True
        if changed or not slots.slots:
            await self._allocate([channel])
        return slots

    def leave(self, channel: Channel) -> None:
        """Note that this worker does not drain the channel for now; it keeps slots for KEEP_MS."""
        slots = self._channels[channel]
        slots.drained = False
        slots.kept_until = self._database.clock() + KEEP_MS

    async def refresh(self) -> None:
        """Allocate again with the workers of now; give up channels that have not been drained for KEEP_MS."""
        now = self._database.clock()
        # Farther ahead than KEEP_MS: the clock was set back meanwhile.
        kept = {channel for channel, slots in self._channels.items() if now < slots.kept_until <= now + KEEP_MS}
        left = [channel for channel, slots in self._channels.items() if not slots.drained and channel not in kept]
        if left:
            await self._give_up(left)
        if self._channels:
            await self._allocate(list(self._channels))

    async def end(self) -> None:
        """Give up all channels."""
        await self._give_up(list(self._channels))

    async def _give_up(self, channels: list[Channel]) -> None:
        for channel in channels:
            self._channels.pop(channel).set(0, 0)
        async with self._writing:
            await self._database.write(Transaction.execute, _DELETE, {"rows": _keys(channels), "worker": self._worker})

    async def _allocate(self, channels: Collection[Channel]) -> None:
        async with self._writing:
            smaller = await self._take_parts(channels)
            if smaller:  # this worker uses fewer slots by now: write that, so that others can have the rest
                await self._take_parts(smaller)

    async def _take_parts(self, channels: Collection[Channel]) -> list[Channel]:
        """Take the parts that are free; return the channels in which this worker has fewer slots than before."""
        now = self._database.clock()
        before = {channel: self._channels[channel].reserved for channel in channels if channel in self._channels}
        parts = await self._database.write(self._write, before)
        for channel, part in parts.items():
            self._channels[channel].set(part, now + VALID_MS)
        return [channel for channel, part in parts.items() if part < before[channel]]

    async def _write(self, tx: Transaction, before: dict[Channel, int]) -> dict[Channel, int]:
        """Return this worker's part of each channel; the row keeps the slots of before as long as they are in use."""
        if tx.dialect != "sqlite":
            await tx.execute(_LOCK, {"key": ADVISORY_LOCK})
        now = tx.now
        await tx.execute(_END, {"now": now})
        workers: dict[Channel, list[_Part]] = {channel: [] for channel in before}
        for row in await tx.rows(_READ, {"rows": _keys(before)}):
            workers[Channel(row.upstream, row.facility_id)].append(row)
        parts = {channel: self._part(self._channels[channel], rows) for channel, rows in workers.items()}
        held = [
            [channel.upstream, channel.facility_id, max(slots, parts[channel])] for channel, slots in before.items()
        ]
        await tx.execute(_WRITE, {"rows": held, "worker": self._worker, "now": now, "until": now + LIFE_MS})
        return parts

    def _part(self, slots: ChannelSlots, rows: list[_Part]) -> int:
        """Return this worker's part, less what other workers have not given up yet. `rows` are ordered by age."""
        workers = [row.worker for row in rows]
        if self._worker not in workers:
            workers.append(self._worker)
        part = slots.limits.part(workers.index(self._worker), len(workers))
        if not slots.drained:  # a newcomer then finds free slots at once
            part = (part + 1) // 2
        others = sum(row.held for row in rows if row.worker != self._worker)
        return max(0, min(part, slots.limits.concurrency - others))


def _keys(channels: Iterable[Channel]) -> list[tuple[str, int]]:
    return [(channel.upstream, channel.facility_id) for channel in channels]


class _Part(NamedTuple):
    """A worker's part of the slots of a channel."""

    upstream: str
    facility_id: int
    worker: str
    held: int


_LOCK = Command("SELECT pg_advisory_xact_lock(:key)", only="postgresql")
_END = Command("DELETE FROM drains WHERE until < :now")
_READ = Statement(
    """
SELECT d.upstream, d.facility_id, d.worker, d.held FROM drains AS d
JOIN {rows} AS v ON v.upstream = d.upstream AND v.facility_id = d.facility_id ORDER BY d.since, d.worker
""",
    _Part,
    rows="upstream text, facility_id integer",
)
_WRITE = Command(
    """
INSERT INTO drains (upstream, facility_id, worker, since, until, held)
SELECT upstream, facility_id, :worker, CAST(:now AS BIGINT), CAST(:until AS BIGINT), held FROM {rows} AS v WHERE true
ON CONFLICT (upstream, facility_id, worker) DO UPDATE SET until = excluded.until, held = excluded.held
""",
    rows="upstream text, facility_id integer, held integer",
)
_DELETE = Command(
    """
DELETE FROM drains
WHERE worker = :worker AND (upstream, facility_id) IN (SELECT upstream, facility_id FROM {rows} AS v)
""",
    rows="upstream text, facility_id integer",
)
