"""The limits of a channel, shared by all workers that drain it: each keeps to its part."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from engine.database import Database, as_json
from engine.outbox.entries import Channel
from engine.rate import Rate

REFRESH = 1.0
"""Seconds between two looks at who else drains a channel."""
SETTLE = 1_500
"""Milliseconds for which a newcomer waits until the others have seen it and keep to less."""
LIFE = 10_000
"""Milliseconds after which a worker that is not heard of has no part any more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a whole channel: requests in flight, and per second (None: as many as there are slots for)."""

    concurrency: int
    rate: float | None

    def part(self, rank: int, workers: int) -> Limits:
        """What the worker of that rank (0 is the first) may use; together the parts are the whole."""
        slots, left = divmod(self.concurrency, workers)
        return Limits(slots + (rank < left), None if self.rate is None else self.rate / workers)


class Share:
    """One worker's part of one channel; it outlives a drain, which would begin with fresh limits each moment."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.registered_until = 0
        self.wanted_until = 0
        self._slots = 0
        self._used = 0
        self._rate = Rate(limits.rate)
        self._room = asyncio.Event()

    @property
    def slots(self) -> int:
        """Requests that may be in flight now."""
        return self._slots

    def set(self, part: Limits) -> None:
        """Keep to this from now on; what is in flight ends."""
        self._slots = part.concurrency
        self._rate.per_second = part.rate
        self._room.set()

    async def has_part(self) -> bool:
        """Whether there are slots by now; waits a little for them."""
        if not self._slots:
            self._room.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), REFRESH)
        return bool(self._slots)

    async def enter(self) -> None:
        """Return when one more request may begin; `leave` when it has ended."""
        while self._used >= self._slots:
            self._room.clear()
            await self._room.wait()
        self._used += 1
        await self._rate.wait()

    def leave(self) -> None:
        self._used -= 1
        self._room.set()


class Shares:
    """Those of one worker. Who drains which channel stands in the database."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._shares: dict[Channel, Share] = {}

    async def join(self, channel: Channel, limits: Limits) -> Share:
        """The share of a channel that is about to be drained: all of it, if nobody else drains it."""
        share = self._shares.get(channel)
        if share is None or share.limits != limits:
            share = self._shares[channel] = Share(limits)
        now = self._database.clock()
        share.wanted_until = now + LIFE
        if share.registered_until <= now:
            await self._refresh([channel])
        return share

    async def refresh(self) -> None:
        """Say again what this worker drains, and see who else does; what was not drained for a while is left."""
        now = self._database.clock()
        wanted = [channel for channel, share in self._shares.items() if share.wanted_until > now]
        left = [channel for channel, share in self._shares.items() if share.wanted_until <= now]
        if left:
            await self._database.write(lambda connection: self._leave(connection, left))
        for channel in left:
            del self._shares[channel]
        if wanted:
            await self._refresh(wanted)

    def keep(self, channel: Channel) -> None:
        """It is still being drained."""
        if channel in self._shares:
            self._shares[channel].wanted_until = self._database.clock() + LIFE

    async def _refresh(self, channels: Iterable[Channel]) -> None:
        rows = as_json([[channel.upstream, channel.facility_id] for channel in channels])
        found = await self._database.write(lambda connection: self._register(connection, rows))
        now = self._database.clock()
        for channel in channels:
            mine = [row for row in found if (row.upstream, row.facility_id) == (channel.upstream, channel.facility_id)]
            self._set(self._shares[channel], mine, now)

    def _set(self, share: Share, rows: list[Any], now: int) -> None:
        """By age, so that a newcomer never takes the part of one who was there."""
        rank = next(n for n, row in enumerate(rows) if row.worker == self._worker)
        share.registered_until = now + LIFE // 2
        known_to_all = rank == 0 or now - rows[rank].since >= SETTLE
        share.set(share.limits.part(rank, len(rows)) if known_to_all else Limits(0, share.limits.rate))

    def _register(self, connection: Connection, rows: str) -> list[Any]:
        now = self._database.clock()
        names = {"rows": rows, "worker": self._worker, "now": now, "until": now + LIFE}
        wanted = self._database.rows(_CHANNEL, "rows")
        connection.execute(text(_FORGET), names)
        connection.execute(text(_REGISTER % wanted), names)
        return list(connection.execute(text(_READ % wanted), names))

    def _leave(self, connection: Connection, channels: list[Channel]) -> None:
        rows = as_json([[channel.upstream, channel.facility_id] for channel in channels])
        query = _LEAVE % self._database.rows(_CHANNEL, "rows")
        connection.execute(text(query), {"rows": rows, "worker": self._worker})


_CHANNEL = {"upstream": "text", "facility_id": "integer"}

_FORGET = "DELETE FROM drains WHERE until < :now"

_REGISTER = """
INSERT INTO drains (upstream, facility_id, worker, since, until)
SELECT upstream, facility_id, :worker, CAST(:now AS BIGINT), CAST(:until AS BIGINT) FROM %s AS v WHERE true
ON CONFLICT (upstream, facility_id, worker) DO UPDATE SET until = excluded.until
"""

_READ = """
SELECT d.upstream, d.facility_id, d.worker, d.since FROM drains AS d
JOIN %s AS v ON v.upstream = d.upstream AND v.facility_id = d.facility_id ORDER BY d.since, d.worker
"""

_LEAVE = """
DELETE FROM drains WHERE worker = :worker AND (upstream, facility_id) IN (SELECT upstream, facility_id FROM %s AS v)
"""
