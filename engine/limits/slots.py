"""Concurrency limiter of a channel: divides its slots among the workers that drain it.

A worker that drains a channel alone uses all slots and writes nothing but its leases, which others can see: each says
how many requests may be in flight under it. A worker that sees another one's lease or part when its own batch begins
(engine.outbox.claim) shares the channel: it writes its part to the database before it uses it, and keeps it there until
it has stopped using it, so that the parts together are never more than the whole. A newcomer gets what the others have
given up: at once where they need less, else after two of their refreshes. The part of a dead worker is free after
LIFE_MS and one refresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.types import Channel
from engine.limits.rate import RateLimiter
from engine.outbox import claim

REFRESH_SECONDS = 1.0  # between two allocations
VALID_MS = claim.LIFE_MS - 1_000  # without a refresh, after which a worker itself stops using its part
KEEP_MS = 10_000  # for which a worker without work in a shared channel keeps a part of it
BATCH_CHANNELS = 50  # that are allocated in one transaction, which locks each of them


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
        while self.used >= self._allowed:
            if not self.slots:
                return False
            self._changed.clear()
            await self._changed.wait()
        self.used += 1
        return True

    def extend(self, valid_until: int) -> None:
        """Use as many slots as now until `valid_until` (epoch ms)."""
        self.set(self._slots, valid_until)

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
        self._cleaned_at = 0

    async def join(self, channel: Channel, limits: Limits) -> ChannelSlots:
        """Return this worker's slots of a channel that it now drains: all of them, as long as it is alone."""
        slots = self._channels.get(channel)
        if slots is None:
            rate_limiter = RateLimiter(self._database, channel, limits.rate)
            slots = self._channels[channel] = ChannelSlots(limits, self._database.clock, rate_limiter)
        changed, slots.limits, slots.rate_limiter.rate = slots.limits != limits, limits, limits.rate
        slots.drained = True
        if not slots.shared:
            slots.set(limits.concurrency, self._database.clock() + VALID_MS)
        elif changed or not slots.slots:
            await self._allocate([channel])
        return slots

    async def share(self, channel: Channel) -> None:
        """Take a part of the slots only, because another worker drains the channel too."""
        slots = self._channels[channel]
        if not slots.shared:
            slots.shared, slots.other_at = True, self._database.clock()
            slots.set(slots.used, self._database.clock() + VALID_MS)  # until the part is written
            await self._allocate([channel])

    def leave(self, channel: Channel) -> None:
        """Note that this worker does not drain the channel for now; it keeps a part of shared slots for KEEP_MS."""
        slots = self._channels[channel]
        slots.drained = False
        slots.kept_until = self._database.clock() + KEEP_MS
        if not slots.shared:
            self._channels.pop(channel).set(0, 0)

    def beat(self, at: int) -> None:
        """Note that the worker's leases were extended at `at` (epoch ms): it may go on where it is alone."""
        for slots in self._channels.values():
            if not slots.shared:
                slots.extend(at + VALID_MS)

    async def refresh(self) -> None:
        """Share the channels to which another worker has come; allocate shared ones again, or give them up.

        A shared channel is given up when it was not drained, or no other worker was seen in it, for KEEP_MS.
        """
        now = self._database.clock()
        if any(not slots.shared for slots in self._channels.values()):
            for row in await self._database.fetch(_OTHERS, {"worker": self._worker, "now": now}):
                if Channel(*row) in self._channels:
                    await self.share(Channel(*row))
        shared = {channel: slots for channel, slots in self._channels.items() if slots.shared}
        left = [channel for channel, slots in shared.items() if not slots.drained and not _kept(slots, now)]
        alone = [channel for channel, slots in shared.items() if slots.drained and now - slots.other_at > KEEP_MS]
        for channel in left:
            self._channels.pop(channel).set(0, 0)
        for channel in alone:  # noted first: another worker may come while the row is deleted
            shared[channel].shared = False
        await self._give_up([*left, *alone])
        for channel in alone:
            if not shared[channel].shared:
                shared[channel].set(shared[channel].limits.concurrency, now + VALID_MS)
        if kept := shared.keys() - {*left, *alone}:
            await self._allocate(list(kept))
        if not 0 <= now - self._cleaned_at < KEEP_MS:
            await self._database.write(Transaction.execute, _END, {"now": now})
            self._cleaned_at = now

    async def end(self) -> None:
        """Give up all channels."""
        channels = [channel for channel, slots in self._channels.items() if slots.shared]
        for slots in self._channels.values():
            slots.set(0, 0)
        self._channels.clear()
        await self._give_up(channels)

    async def _give_up(self, channels: list[Channel]) -> None:
        if channels:
            names = {"rows": _keys(channels), "worker": self._worker}
            async with self._writing:  # else the row of a channel that is shared again meanwhile could be deleted
                await self._database.write(Transaction.execute, _DELETE, names)

    async def _allocate(self, channels: Sequence[Channel]) -> None:
        for start in range(0, len(channels), BATCH_CHANNELS):
            async with self._writing:
                smaller = await self._take_parts(channels[start : start + BATCH_CHANNELS])
                if smaller:  # this worker uses fewer slots by now: write that, so that others can have the rest
                    await self._take_parts(smaller)

    async def _take_parts(self, channels: Sequence[Channel]) -> list[Channel]:
        """Take the parts that are free; return the channels in which this worker has fewer slots than before."""
        now = self._database.clock()
        before = {channel: self._channels[channel].reserved for channel in channels if channel in self._channels}
        parts = await self._database.write(self._write, before)
        for channel in parts.keys() & self._channels.keys():
            slots, part = self._channels[channel], parts[channel]
            slots.set(part.slots, now + VALID_MS)
            slots.other_at = now if part.others else min(slots.other_at, now)
        return [channel for channel, part in parts.items() if part.slots < before[channel]]

    async def _write(self, tx: Transaction, before: dict[Channel, int]) -> dict[Channel, _Part]:
        """Return this worker's part of each channel; the row keeps the slots of before as long as they are in use."""
        keys = sorted(_keys(before))  # in one order, so that two transactions never deadlock
        if tx.dialect != "sqlite":
            await tx.rows(_LOCK, {"rows": keys})
        now = tx.now
        workers: dict[Channel, list[_Holder]] = {channel: [] for channel in before}
        names = {"now": now, "alive": now + claim.LEASE_MS - claim.LIFE_MS, "worker": self._worker}
        for row in await tx.rows(_READ, {"rows": keys, **names}):
            workers[Channel(row.upstream, row.facility_id)].append(row)
        parts = {channel: self._part(self._channels[channel], rows) for channel, rows in workers.items()}
        held = [[*key, max(before[Channel(*key)], parts[Channel(*key)].slots)] for key in keys]
        await tx.execute(_WRITE, {"rows": held, "worker": self._worker, "now": now, "until": now + claim.LIFE_MS})
        return parts

    def _part(self, slots: ChannelSlots, rows: Sequence[_Holder]) -> _Part:
        """Return this worker's part, less what other workers have not given up yet. `rows` are ordered by age."""
        workers = [row.worker for row in rows]
        if self._worker not in workers:
            workers.append(self._worker)
        part = slots.limits.part(workers.index(self._worker), len(workers))
        if not slots.drained:  # a newcomer then finds free slots at once
            part = (part + 1) // 2
        concurrency = slots.limits.concurrency
        others = sum(min(row.held, concurrency) for row in rows if row.worker != self._worker)
        return _Part(max(0, min(part, concurrency - others)), len(workers) > 1)


def _kept(slots: ChannelSlots, now: int) -> bool:
    """Return whether slots that are not drained are kept; farther ahead than KEEP_MS: the clock was set back."""
    return now < slots.kept_until <= now + KEEP_MS


def _keys(channels: Iterable[Channel]) -> list[tuple[str, int]]:
    return [(channel.upstream, channel.facility_id) for channel in channels]


class _Part(NamedTuple):
    """A worker's part of the slots of a channel, and whether other workers have a part too."""

    slots: int
    others: bool


class _Holder(NamedTuple):
    """A worker that may have requests in flight in a channel: so many as it holds slots."""

    upstream: str
    facility_id: int
    worker: str
    held: int
    since: int


class _Shared(NamedTuple):
    """A channel in which another worker has a part."""

    upstream: str
    facility_id: int


_CHANNELS = "upstream text, facility_id integer"
_LOCK = Statement(
    "SELECT pg_advisory_xact_lock(hashtext(v.upstream), v.facility_id) IS NULL AS locked "
    "FROM (SELECT upstream, facility_id FROM {rows} AS r ORDER BY upstream, facility_id) AS v",
    bool,
    only="postgresql",
    rows=_CHANNELS,
)
_END = Command("DELETE FROM drains WHERE until < :now")
_OTHERS = Statement(
    "SELECT DISTINCT upstream, facility_id FROM drains WHERE worker <> :worker AND until >= :now", _Shared
)
# A worker without a part, because it was alone until now, holds what its leases say.
_READ = Statement(
    """
SELECT d.upstream, d.facility_id, d.worker, d.held, d.since FROM drains AS d
JOIN {rows} AS v ON v.upstream = d.upstream AND v.facility_id = d.facility_id WHERE d.until >= :now
UNION ALL
SELECT l.upstream, l.facility_id, l.worker, MAX(l.slots) AS held, 0 AS since FROM leases AS l
JOIN {rows} AS v ON v.upstream = l.upstream AND v.facility_id = l.facility_id
WHERE l.until > :alive AND l.worker <> :worker AND NOT EXISTS (
  SELECT 1 FROM drains AS d WHERE d.upstream = l.upstream AND d.facility_id = l.facility_id AND d.worker = l.worker
    AND d.until >= :now
)
GROUP BY l.upstream, l.facility_id, l.worker
ORDER BY since, worker
""",
    _Holder,
    rows=_CHANNELS,
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
    rows=_CHANNELS,
)
