"""The database's side of the concurrency limiter: each worker's part of the slots of shared channels (`drains`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.types import Channel
from engine.limits.slots import ChannelSlots
from engine.outbox import claim


class SlotPart(NamedTuple):
    """A worker's part of the slots of a channel, and whether other workers have a part too."""

    slots: int
    others: bool


async def take_parts(tx: Transaction, worker: str, channels: Mapping[Channel, ChannelSlots]) -> dict[Channel, SlotPart]:
    """Store and return the worker's part of each channel; a row keeps the slots of before while they are in use."""
    before = {channel: slots.reserved for channel, slots in channels.items()}
    keys = sorted(_keys(channels))  # in one order, so that two transactions never deadlock
    if tx.dialect != "sqlite":
        await tx.rows(_LOCK, {"rows": keys})
    now = tx.now
    holders: dict[Channel, list[_Holder]] = {channel: [] for channel in channels}
    names = {"now": now, "alive": now + claim.LEASE_MS - claim.LIFE_MS, "worker": worker}
    for row in await tx.rows(_READ, {"rows": keys, **names}):
        holders[Channel(row.upstream, row.facility_id)].append(row)
    parts = {channel: _part(worker, channels[channel], rows) for channel, rows in holders.items()}
    held = [[*key, max(before[Channel(*key)], parts[Channel(*key)].slots)] for key in keys]
    await tx.execute(_WRITE, {"rows": held, "worker": worker, "now": now, "until": now + claim.LIFE_MS})
    return parts


async def give_up(database: Database, worker: str, channels: Iterable[Channel]) -> None:
    """Delete the worker's parts of these channels."""
    await database.execute(_DELETE, {"rows": _keys(channels), "worker": worker})


async def channels_of_others(database: Database, worker: str) -> set[Channel]:
    """Return the channels in which another worker has a part."""
    rows = await database.fetch(_OTHERS, {"worker": worker, "now": database.clock()})
    return {Channel(*row) for row in rows}


async def delete_ended(database: Database) -> None:
    """Delete the parts of workers that died."""
    await database.execute(_END, {"now": database.clock()})


def _part(worker: str, slots: ChannelSlots, holders: Sequence[_Holder]) -> SlotPart:
    """Return the worker's part, less what other workers have not given up yet. `holders` are ordered by age."""
    workers = [row.worker for row in holders]
    if worker not in workers:
        workers.append(worker)
    part = slots.limits.part(workers.index(worker), len(workers))
    if not slots.drained:  # a newcomer then finds free slots at once
        part = (part + 1) // 2
    concurrency = slots.limits.concurrency
    others = sum(min(row.held, concurrency) for row in holders if row.worker != worker)
    return SlotPart(max(0, min(part, concurrency - others)), len(workers) > 1)


def _keys(channels: Iterable[Channel]) -> list[tuple[str, int]]:
    return [(channel.upstream, channel.facility_id) for channel in channels]


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
