"""Keeps deliveries of paused types out of the way of claims, and returns them when their pause ends.

A claim passes over what is paused, but would read it each time if it stood in front. So paused deliveries are put into
lanes of their own (`PAUSED_LANES` added), which no claim reads. Nothing else of them changes: status, due time and
order stay, so that a return is the same step back. Only the front of a lane is searched, again and again; what
arrives behind it is put aside when it has come to the front.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import PAUSED_LANES, Lane
from engine.delivery.types import Channel
from engine.outbox.locks import being_sent, lock_claims, lock_deliveries
from engine.outbox.pauses.pauses import expire
from engine.outbox.sweep import scheduled_channels

BATCH_SIZE = 1000
MAX_BATCHES = 20  # of one lane in one sweep, so that other work of the sweep is not late


async def keep_lanes(database: Database, *, thorough: bool = False) -> set[Channel]:
    """Put aside what is paused, and return what is not paused any more; return the channels with something returned.

    Costs one small query while nothing is paused. With `thorough` every channel is searched for what may return.
    Safe to run in several processes at once.
    """
    now = database.clock()
    pauses = await database.fetch(_UNRETURNED, {"now": now})
    if not pauses and not thorough:
        return set()
    ended = [pause for pause in pauses if pause.ended_at is not None or (pause.ends_at or now + 1) <= now]
    if any(pause.ended_at is None for pause in ended):
        await database.write(expire)
    channels = await scheduled_channels(database)
    for channel in _of(channels, [pause for pause in pauses if pause not in ended]):
        await _in_batches(database, _put_aside, channel)
    returned = set()
    for channel in channels if thorough else _of(channels, ended):
        if await _in_batches(database, _return, channel):
            returned.add(channel)
    # Not yet `returned_at` of a channel that has more than one sweep can return: the next one goes on.
    done = [pause.id for pause in ended if not returned & set(_of(channels, [pause]))]
    if done:
        await database.execute(_RETURNED, {"ids": done, "now": now})
    return returned


def _of(channels: Sequence[Channel], pauses: Sequence[_Unreturned]) -> list[Channel]:
    """Return the channels that one of these pauses of types is about."""
    pairs = {(pause.upstream, pause.facility_id) for pause in pauses if pause.spec is not None}
    return [
        channel for channel in channels if {(channel.upstream, channel.facility_id), (channel.upstream, None)} & pairs
    ]


Batch = Callable[[Transaction, Channel, int], Coroutine[Any, Any, int]]


async def _in_batches(database: Database, batch: Batch, channel: Channel) -> bool:
    """Run the work on all lanes of a channel, each until nothing is left or MAX_BATCHES; return whether any moved."""
    moved = False
    for lane in Lane:
        for _ in range(MAX_BATCHES):
            n = await database.write(batch, channel, int(lane))
            moved = moved or n > 0
            if not n:
                break
    return moved


async def _put_aside(tx: Transaction, channel: Channel, lane: int) -> int:
    await lock_claims(tx, [channel.facility_id])
    ids = await tx.rows(_FRONT, _names(tx, channel, lane))
    return await _move(tx, channel, ids, _PUT_ASIDE)


async def _return(tx: Transaction, channel: Channel, lane: int) -> int:
    await lock_claims(tx, [channel.facility_id])
    ids = await tx.rows(_FREE, _names(tx, channel, lane + PAUSED_LANES))
    return await _move(tx, channel, ids, _PUT_BACK)


def _names(tx: Transaction, channel: Channel, lane: int) -> dict[str, Any]:
    names = {"upstream": channel.upstream, "facility": channel.facility_id, "lane": lane}
    return {**names, "now": tx.now, "limit": BATCH_SIZE}


async def _move(tx: Transaction, channel: Channel, ids: Sequence[int], command: Command) -> int:
    if not ids:
        return 0
    await lock_deliveries(tx, ids)
    held = await being_sent(tx, [channel.facility_id])
    return await tx.execute(command, {"ids": [id_ for id_ in ids if id_ not in held]})


class _Unreturned(NamedTuple):
    """A pause that is in force, or has ended without a return of all its deliveries."""

    id: int
    facility_id: int | None
    upstream: str
    spec: str | None
    ends_at: int | None
    ended_at: int | None


_UNRETURNED = Statement(
    "SELECT id, facility_id, upstream, spec, ends_at, ended_at FROM pauses "
    "WHERE returned_at IS NULL AND (begins_at <= :now OR ended_at IS NOT NULL OR ends_at <= :now)",
    _Unreturned,
)
_RETURNED = Command("UPDATE pauses SET returned_at = :now WHERE id IN (SELECT id FROM {ids} AS v)", ids="id bigint")
_PAUSED = """(SELECT p.spec FROM pauses AS p
  WHERE p.returned_at IS NULL AND p.ended_at IS NULL AND p.spec IS NOT NULL AND p.upstream = :upstream
    AND p.begins_at <= :now AND (p.ends_at IS NULL OR p.ends_at > :now)
    AND (p.facility_id = :facility OR p.facility_id IS NULL))"""
_QUEUED = "FROM deliveries WHERE upstream = :upstream AND facility_id = :facility AND lane = :lane"
_FRONT = Statement(
    f"""
SELECT f.id FROM (SELECT id, spec {_QUEUED} AND due_at <= :now ORDER BY due_at, id LIMIT :limit) AS f
WHERE f.spec IN {_PAUSED}
""",
    int,
)
_FREE = Statement(
    f"SELECT id {_QUEUED} AND due_at IS NOT NULL AND spec NOT IN {_PAUSED} ORDER BY due_at, id LIMIT :limit",
    int,
)
# The lane and the due time are asked for again: they may have changed until the delivery was locked.
_PUT_ASIDE = Command(
    f"UPDATE deliveries SET lane = lane + {PAUSED_LANES} "
    f"WHERE id IN (SELECT id FROM {{ids}} AS v) AND lane < {PAUSED_LANES} AND due_at IS NOT NULL",
    ids="id bigint",
)
_PUT_BACK = Command(
    f"UPDATE deliveries SET lane = lane - {PAUSED_LANES} "
    f"WHERE id IN (SELECT id FROM {{ids}} AS v) AND lane >= {PAUSED_LANES}",
    ids="id bigint",
)
