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
from collections.abc import Sequence

from engine.database.database import Database
from engine.delivery.types import Channel
from engine.limits import slot_rows
from engine.limits.rate import RateLimiter
from engine.limits.slots import ChannelSlots, Limits
from engine.outbox import claim

VALID_MS = claim.LIFE_MS - 1_000  # without a refresh, after which a worker itself stops using its part
KEEP_MS = 10_000  # for which a worker without work in a shared channel keeps a part of it
BATCH_CHANNELS = 50  # that are allocated in one transaction, which locks each of them


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
        """Share the channels to which another worker has come; allocate shared ones again, or give them up."""
        now = self._database.clock()
        await self._share_with_newcomers()
        await self._give_up_unused(now)
        if shared := [channel for channel, slots in self._channels.items() if slots.shared]:
            await self._allocate(shared)
        if not 0 <= now - self._cleaned_at < KEEP_MS:
            await slot_rows.delete_ended(self._database)
            self._cleaned_at = now

    async def _share_with_newcomers(self) -> None:
        if any(not slots.shared for slots in self._channels.values()):
            for channel in await slot_rows.channels_of_others(self._database, self._worker):
                if channel in self._channels:
                    await self.share(channel)

    async def _give_up_unused(self, now: int) -> None:
        """Give up the shared channels which were not drained, or in which no other worker was seen, for KEEP_MS."""
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

    async def end(self) -> None:
        """Give up all channels."""
        channels = [channel for channel, slots in self._channels.items() if slots.shared]
        for slots in self._channels.values():
            slots.set(0, 0)
        self._channels.clear()
        await self._give_up(channels)

    async def _give_up(self, channels: list[Channel]) -> None:
        if channels:
            async with self._writing:  # else the row of a channel that is shared again meanwhile could be deleted
                await slot_rows.give_up(self._database, self._worker, channels)

    async def _allocate(self, channels: Sequence[Channel]) -> None:
        for start in range(0, len(channels), BATCH_CHANNELS):
            async with self._writing:
                smaller = await self._take_parts(channels[start : start + BATCH_CHANNELS])
                if smaller:  # this worker uses fewer slots by now: write that, so that others can have the rest
                    await self._take_parts(smaller)

    async def _take_parts(self, channels: Sequence[Channel]) -> list[Channel]:
        """Take the parts that are free; return the channels in which this worker has fewer slots than before."""
        now = self._database.clock()
        taken = {channel: self._channels[channel] for channel in channels if channel in self._channels}
        before = {channel: slots.reserved for channel, slots in taken.items()}
        parts = await self._database.write(slot_rows.take_parts, self._worker, taken)
        for channel in parts.keys() & self._channels.keys():
            slots, part = self._channels[channel], parts[channel]
            slots.set(part.slots, now + VALID_MS)
            slots.other_at = now if part.others else min(slots.other_at, now)
        return [channel for channel, part in parts.items() if part.slots < before[channel]]


def _kept(slots: ChannelSlots, now: int) -> bool:
    """Return whether slots that are not drained are kept; farther ahead than KEEP_MS: the clock was set back."""
    return now < slots.kept_until <= now + KEEP_MS
