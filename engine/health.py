"""Health of the installation: the facts behind /health, /metrics and the status line on every page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.database.database import Database
from engine.database.migrate import head
from engine.database.statements import Statement
from engine.delivery.status import Lane
from engine.delivery.types import Channel, Signal
from engine.hub import Hub
from engine.outbox.pauses.pauses import Pause, current_pauses
from engine.outbox.sweep import NOT_HELD, NOT_PAUSED, oldest_due

ALIVE_MS = 45_000  # since the last heartbeat, within which a worker counts as alive
BROKER_SECONDS = 2.0  # that the broker has to answer


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    name: str
    started_at: int
    beat_at: int
    in_flight: int
    alive: bool


@dataclass(frozen=True, slots=True)
class ChannelPause:
    """A pause of a whole queue that is in force. Times are epoch milliseconds; `until` None: until a person ends it."""

    since: int
    until: int | None
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChannelHealth:
    """One facility's queue to one upstream; `cause` is empty while it is open. Times are epoch milliseconds."""

    facility: str
    upstream: str
    configured: bool  # credentials have been entered for it
    cause: str
    reason: str
    since: int | None
    probe_at: int | None
    token_expires_at: int | None
    oldest_due: int | None  # when the delivery that has waited longest became due; what is paused does not count
    pause: ChannelPause | None = None

    @property
    def in_use(self) -> bool:
        """Return whether there are credentials, or something waits for them."""
        return self.configured or (bool(self.cause) and self.oldest_due is not None)

    @property
    def condition(self) -> str:
        """Return why the queue is closed: its cause, or `unconfigured` if no credentials have been entered."""
        return "unconfigured" if self.cause == Signal.REFUSED and not self.configured else self.cause

    def wait(self, now: int) -> float | None:
        """Return the seconds for which the longest waiting delivery has been due; None if nothing is due."""
        return None if self.oldest_due is None else max(0, now - self.oldest_due) / 1000


@dataclass(frozen=True, slots=True)
class ClockHealth:
    """The jump of the clock in milliseconds, and the time until which pruning waits (epoch ms); None: no wait."""

    jump: int
    prune_after: int | None


@dataclass(frozen=True, slots=True)
class Health:
    now: int
    environment: str
    broker_ok: bool
    workers: tuple[WorkerHealth, ...]
    channels: tuple[ChannelHealth, ...]
    clock: ClockHealth

    @property
    def workers_alive(self) -> int:
        return sum(worker.alive for worker in self.workers)

    @property
    def oldest_wait(self) -> float:
        """Return the seconds for which the longest waiting delivery of all channels has been due."""
        return max((channel.wait(self.now) or 0.0 for channel in self.channels), default=0.0)


async def health(hub: Hub) -> Health:
    """Collect all facts; raises the database's error if it is not reachable."""
    now = hub.database.clock()
    return Health(
        now,
        hub.settings.environment,
        await broker_ok(hub),
        tuple(await workers(hub.database)),
        tuple(await channels(hub)),
        await clock(hub.database),
    )


async def broker_ok(hub: Hub) -> bool:
    """Return whether the broker answers; without it deliveries are sent a little later."""
    try:
        queue = next(iter(hub.broker.get_declared_queues()), None)
        if queue is not None and hasattr(hub.broker, "get_queue_message_counts"):
            ask = asyncio.to_thread(hub.broker.get_queue_message_counts, queue)
            await asyncio.wait_for(ask, BROKER_SECONDS)
        elif queue is not None and hasattr(hub.broker, "do_qsize"):
            await asyncio.wait_for(asyncio.to_thread(hub.broker.do_qsize, queue), BROKER_SECONDS)
    except Exception:
        return False
    return True


async def is_migrated(database: Database) -> bool:
    """Return whether all migrations have been run; raises the database's error if it is not reachable."""
    return await database.fetch(_REVISIONS) == [head()]


async def clock(database: Database) -> ClockHealth:
    """Return the last jump of the clock, and until when pruning waits for it; see engine.maintenance.clock_watch."""
    [row] = await database.fetch(_CLOCK)
    waits = row.prune_after is not None and row.prune_after > database.clock()
    return ClockHealth(row.jump or 0, row.prune_after if waits else None)


async def last_backup(database: Database) -> int | None:
    """Return the time at which `antar backup` last began (epoch ms); None: never."""
    return await database.first(_BACKED_UP)


async def workers(database: Database) -> list[WorkerHealth]:
    """Return the workers that have not signed off."""
    now = database.clock()
    rows = await database.fetch(_WORKERS)
    # abs: a worker that died while the clock was ahead is dead, too.
    alive = {row.name: abs(now - row.beat_at) < ALIVE_MS for row in rows}
    return [WorkerHealth(row.name, row.started_at, row.beat_at, row.in_flight, alive[row.name]) for row in rows]


async def channels(hub: Hub, facility_id: int | None = None) -> list[ChannelHealth]:
    """Return the queues of a facility, one for each upstream; None: of all facilities."""
    upstreams = hub.catalog.upstreams
    names = {"upstreams": list(upstreams), "facility": facility_id}
    rows = await hub.database.fetch(_CHANNELS, names)
    oldest = await oldest_due(hub.database) if facility_id is None else await _oldest_of(hub, facility_id)
    paused = [pause for pause in await current_pauses(hub.database) if pause.spec is None]
    order = {name: n for n, name in enumerate(upstreams)}
    return [
        ChannelHealth(
            facility=row.facility,
            upstream=row.upstream,
            configured=row.account is not None or not upstreams[row.upstream].credentials,
            cause=row.cause or "",
            reason=row.reason or "",
            since=row.since,
            probe_at=row.probe_at,
            token_expires_at=row.expires_at,
            oldest_due=oldest.get(Channel(row.upstream, row.facility_id)),
            pause=_pause_of(paused, row),
        )
        for row in sorted(rows, key=lambda row: (order[row.upstream], row.facility_id))
    ]


def _pause_of(paused: Sequence[Pause], row: _Channel) -> ChannelPause | None:
    for pause in paused:
        if pause.upstream == row.upstream and pause.facility_id in (None, row.facility_id):
            return ChannelPause(pause.begins_at, pause.ends_at, pause.actor, pause.reason)
    return None


async def _oldest_of(hub: Hub, facility_id: int) -> dict[Channel, int]:
    oldest = {}
    for upstream in hub.catalog.upstreams:
        names = {"upstream": upstream, "facility": facility_id, "now": hub.database.clock()}
        due_at = await hub.database.first(_OLDEST, names)
        if due_at is not None:
            oldest[Channel(upstream, facility_id)] = due_at
    return oldest


class _ClockJump(NamedTuple):
    """The last jump of the clock, and until when pruning waits for it."""

    jump: int | None
    prune_after: int | None


class _Worker(NamedTuple):
    """A worker that has not signed off."""

    name: str
    started_at: int
    beat_at: int
    in_flight: int


class _Channel(NamedTuple):
    """A facility's queue to an upstream: None stands for an open queue, no token, or no account."""

    upstream: str
    facility_id: int
    facility: str
    cause: str | None
    reason: str | None
    since: int | None
    probe_at: int | None
    expires_at: int | None
    account: int | None


_REVISIONS = Statement("SELECT version_num FROM alembic_version", str)
_CLOCK = Statement("SELECT jump, prune_after FROM installation", _ClockJump)
_BACKED_UP = Statement("SELECT backed_up_at FROM installation WHERE backed_up_at IS NOT NULL", int)
_WORKERS = Statement("SELECT name, started_at, beat_at, in_flight FROM workers ORDER BY name", _Worker)
_CHANNELS = Statement(
    """
SELECT v.upstream, f.id AS facility_id, f.code AS facility, c.cause, c.reason, c.since, c.probe_at, t.expires_at,
  a.facility_id AS account
FROM facilities AS f CROSS JOIN {upstreams} AS v
LEFT JOIN channels AS c ON c.facility_id = f.id AND c.upstream = v.upstream
LEFT JOIN tokens AS t ON t.facility_id = f.id AND t.upstream = v.upstream
LEFT JOIN credentials AS a ON a.facility_id = f.id AND a.upstream = v.upstream
WHERE CAST(:facility AS INTEGER) IS NULL OR f.id = :facility
""",
    _Channel,
    upstreams="upstream text",
)
# One index look-up per lane: the cost does not grow with the number of due deliveries.
_OLDEST = Statement(
    "SELECT due_at FROM ("
    + " UNION ALL ".join(
        "SELECT (SELECT d.due_at FROM deliveries AS d WHERE d.upstream = :upstream AND d.facility_id = :facility "
        f"AND d.lane = {int(lane)} AND d.due_at <= :now AND {NOT_HELD} ORDER BY d.due_at, d.id LIMIT 1) AS due_at"
        for lane in Lane
    )
    + ") AS lanes WHERE due_at IS NOT NULL AND "
    + NOT_PAUSED.format(upstream=":upstream", facility=":facility")
    + " ORDER BY due_at LIMIT 1",
    int,
)
