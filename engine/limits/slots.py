"""The slots of a channel, shared by all workers that drain it: each holds a part, together never more than all.

What a worker holds stands in the database before it uses it, and until it has ceased to. So a newcomer begins with what
the others have let go: at once where they are idle, else after two of their looks. What a dead one held is free
after LIFE and one look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from engine.database.database import Database, as_json
from engine.delivery.types import Channel
from engine.limits.rate import RateLimiter

REFRESH = 1.0  # Seconds between two looks at who else drains a channel
LIFE = 10_000  # Milliseconds after which a worker that is not heard of has no part any more
VALID = LIFE - 1_000  # Milliseconds for which a worker believes in its own part without having been heard
KEPT = 10_000  # Milliseconds for which a worker without work in a channel keeps a part of it
LOCK = 0x7368617265  # "share": one worker after the other says what it holds; SQLite has one writer anyway


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a channel: requests in flight, and per second (None: as many as there are slots for)."""

    concurrency: int
    rate: float | None

    def part(self, rank: int, workers: int) -> int:
        """Slots of the worker of that rank (0 is the first); together the parts are the whole."""
        slots, left = divmod(self.concurrency, workers)
        return slots + (rank < left)


class ChannelSlots:
    """One worker's part of one channel; it outlives a drain, which would begin with fresh limits each moment."""

    def __init__(self, limits: Limits, clock: Callable[[], int], turns: RateLimiter) -> None:
        self.limits = limits
        self.turns = turns  # Those of the channel's requests; a delivery waits for one when it has entered
        self.drained = False
        self.kept_until = 0
        # Requests in a row that the upstream did not serve: each takes a slot away, down to the last one.
        self.failures = 0
        self._clock = clock
        self._valid_until = 0
        self._slots = 0
        self.used = 0  # Deliveries that have entered and not left
        self._room = asyncio.Event()

    @property
    def slots(self) -> int:
        """Requests that may be in flight now."""
        return self._slots if self._clock() < self._valid_until else 0

    @property
    def held(self) -> int:
        """Requests that are in flight or may be, as long as nothing else is set."""
        return max(self._slots, self.used)

    def soon(self, seconds: float) -> int:
        """Requests that can begin within so many seconds after the next one if each ends at once; at most the slots."""
        slots, rate = self.slots, self.limits.rate
        if rate is None:
            return slots
        return max(0, min(slots, int(rate * seconds * slots / self.limits.concurrency) - 1))

    def set(self, slots: int, valid_until: int) -> None:
        """Keep to so many from now on; what is in flight ends."""
        self._slots, self._valid_until = slots, valid_until
        self._room.set()

    async def has_part(self) -> bool:
        """Whether there are slots by now; waits a little for them."""
        if not self.slots:
            self._room.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), REFRESH)
        return bool(self.slots)

    async def enter(self) -> bool:
        """Return when one more delivery may begin, `leave` when it has ended; False: no part is left to wait for."""
        while self.used >= self._allowed:
            if not self.slots:
                return False
            self._room.clear()
            await self._room.wait()
        self.used += 1
        return True

    def leave(self) -> None:
        self.used -= 1
        self._room.set()

    @property
    def _allowed(self) -> int:
        slots = self.slots
        return max(slots - self.failures, min(slots, 1))


class SlotAllocator:
    """Those of one worker. Who holds which part of a channel stands in the database."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._shares: dict[Channel, ChannelSlots] = {}
        self._speaking = asyncio.Lock()

    async def join(self, channel: Channel, limits: Limits) -> ChannelSlots:
        """The share of a channel that is being drained from now on: all of it, if nobody else drains it."""
        share = self._shares.get(channel)
        if share is None:
            turns = RateLimiter(self._database, channel, limits.rate)
            share = self._shares[channel] = ChannelSlots(limits, self._database.clock, turns)
        changed, share.limits, share.turns.rate = share.limits != limits, limits, limits.rate
        share.drained = True
        if changed or not share.slots:
            await self._agree([channel])
        return share

    def leave(self, channel: Channel) -> None:
        """It is not being drained any more, for the time being."""
        share = self._shares[channel]
        share.drained = False
        share.kept_until = self._database.clock() + KEPT

    async def refresh(self) -> None:
        """Say again what this worker holds, and see who else does; what was not drained for a while is left."""
        now = self._database.clock()
        # Farther ahead than KEPT: the clock was set back meanwhile.
        kept = {channel for channel, share in self._shares.items() if now < share.kept_until <= now + KEPT}
        left = [channel for channel, share in self._shares.items() if not share.drained and channel not in kept]
        if left:
            await self._give_up(left)
        if self._shares:
            await self._agree(list(self._shares))

    async def end(self) -> None:
        """Leave all of them to the others."""
        await self._give_up(list(self._shares))

    async def _give_up(self, channels: list[Channel]) -> None:
        for channel in channels:
            self._shares.pop(channel).set(0, 0)
        async with self._speaking:
            await self._database.write(lambda connection: self._leave(connection, channels))

    async def _agree(self, channels: Collection[Channel]) -> None:
        async with self._speaking:
            smaller = await self._say(channels)
            if smaller:  # by now it keeps to less: let the others know
                await self._say(smaller)

    async def _say(self, channels: Collection[Channel]) -> list[Channel]:
        """Take the parts that are free; those of the channels in which it is less than before."""
        now = self._database.clock()
        held = {channel: self._shares[channel].held for channel in channels if channel in self._shares}
        parts = await self._database.write(lambda connection: self._take(connection, held))
        for channel, part in parts.items():
            self._shares[channel].set(part, now + VALID)
        return [channel for channel, part in parts.items() if part < held[channel]]

    def _take(self, connection: Connection, held: dict[Channel, int]) -> dict[Channel, int]:
        if self._database.dialect != "sqlite":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        now = self._database.clock()
        wanted = {"rows": as_json([[channel.upstream, channel.facility_id] for channel in held])}
        connection.execute(text("DELETE FROM drains WHERE until < :now"), {"now": now})
        found: dict[Channel, list[Any]] = {channel: [] for channel in held}
        for row in connection.execute(text(_READ % self._database.rows(_CHANNEL, "rows")), wanted):
            found[Channel(row.upstream, row.facility_id)].append(row)
        parts = {channel: self._free(self._shares[channel], rows) for channel, rows in found.items()}
        said = [[each.upstream, each.facility_id, max(held[each], parts[each])] for each in held]
        names = {"rows": as_json(said), "worker": self._worker, "now": now, "until": now + LIFE}
        connection.execute(text(_SAY % self._database.rows({**_CHANNEL, "held": "integer"}, "rows")), names)
        return parts

    def _free(self, share: ChannelSlots, rows: list[Any]) -> int:
        """This worker's part, as far as the others have let go of it. They are ordered by age."""
        workers = [row.worker for row in rows]
        if self._worker not in workers:
            workers.append(self._worker)
        part = share.limits.part(workers.index(self._worker), len(workers))
        if not share.drained:  # a newcomer then finds room at once
            part = (part + 1) // 2
        others = sum(int(row.held) for row in rows if row.worker != self._worker)
        return max(0, min(part, share.limits.concurrency - others))

    def _leave(self, connection: Connection, channels: list[Channel]) -> None:
        rows = as_json([[channel.upstream, channel.facility_id] for channel in channels])
        query = _LEAVE % self._database.rows(_CHANNEL, "rows")
        connection.execute(text(query), {"rows": rows, "worker": self._worker})


_CHANNEL = {"upstream": "text", "facility_id": "integer"}

_READ = """
SELECT d.upstream, d.facility_id, d.worker, d.held FROM drains AS d
JOIN %s AS v ON v.upstream = d.upstream AND v.facility_id = d.facility_id ORDER BY d.since, d.worker
"""

_SAY = """
INSERT INTO drains (upstream, facility_id, worker, since, until, held)
SELECT upstream, facility_id, :worker, CAST(:now AS BIGINT), CAST(:until AS BIGINT), held FROM %s AS v WHERE true
ON CONFLICT (upstream, facility_id, worker) DO UPDATE SET until = excluded.until, held = excluded.held
"""

_LEAVE = """
DELETE FROM drains WHERE worker = :worker AND (upstream, facility_id) IN (SELECT upstream, facility_id FROM %s AS v)
"""
