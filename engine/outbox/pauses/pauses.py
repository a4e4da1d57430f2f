"""Pauses of an upstream, or of a type of it: planned, begun at once, ended; read by pages, the API and alerts.

A pause is in force from `begins_at` until `ends_at`, or until a person ends it. Claims ask for it themselves (see
engine.outbox.claim): what is paused is not claimed, and what is being sent ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from engine.database.audit import AUDIT_COLUMNS
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.outbox.locks import lock_claims

AUTOMATIC = ""  # actor of a pause that Antar began by itself
MAX_REASON_CHARACTERS = 500
WEEK_MS = 7 * 86_400_000  # every week at the same time: no zone of Indonesia changes its clocks


class Pause(NamedTuple):
    """A pause. Times are epoch milliseconds; `ended_by` is None while it is open, and if the clock ended it."""

    id: int
    facility_id: int | None  # None: all facilities
    upstream: str
    spec: str | None  # None: the whole upstream
    path: str | None  # method and path for which the type is paused; None: the type or the upstream is meant itself
    reason: str
    actor: str
    created_at: int
    begins_at: int
    ends_at: int | None  # None: until a person ends it
    ended_at: int | None
    ended_by: str | None
    weekly: bool  # its end plans the same a week later

    def is_current(self, now: int) -> bool:
        """Return whether it is in force."""
        return self.begins_at <= now and self.is_open(now)

    def is_open(self, now: int) -> bool:
        """Return whether it is in force or planned."""
        return self.ended_at is None and (self.ends_at is None or self.ends_at > now)

    def concerns(self, upstream: str, spec: str) -> bool:
        """Return whether it is about the type, or about its whole upstream."""
        return self.upstream == upstream and self.spec in (None, spec)


def pause_of(pauses: Iterable[Pause], upstream: str, spec: str, now: int) -> Pause | None:
    """Return the pause that keeps a type from being sent; of several the one that lasts longest."""
    found = [pause for pause in pauses if pause.is_current(now) and pause.concerns(upstream, spec)]
    return max(found, key=lambda pause: (pause.ends_at is None, pause.ends_at or 0), default=None)


@dataclass(frozen=True, slots=True)
class NewPause:
    """A pause to be begun or planned: of `specs`, or of the whole upstream if there are none."""

    facility_id: int | None
    upstream: str
    reason: str
    specs: Sequence[str | None] = ()
    path: str | None = None
    begins_at: int | None = None  # None: at once
    ends_at: int | None = None
    weekly: bool = False  # comes back every week until a planned one is cancelled


class PauseFault(StrEnum):
    """Reason for which a pause is not stored."""

    NO_REASON = "no_reason"
    PAST = "past"  # it would have ended already
    ORDER = "order"  # it would end before it begins
    WEEK = "week"  # it comes back every week, but has no end within a week
    EXISTS = "exists"  # the same is paused in this time already: the second of two clicks


async def begin(database: Database, new: NewPause, actor: str) -> list[int] | PauseFault:
    """Begin or plan a pause; return the ids of its rows, one for each type that is not paused in this time already."""
    now = database.clock()
    begins_at = now if new.begins_at is None else max(new.begins_at, now)
    if not new.reason.strip():
        return PauseFault.NO_REASON
    if new.ends_at is not None and new.begins_at is not None and new.ends_at <= new.begins_at:
        return PauseFault.ORDER
    if new.ends_at is not None and new.ends_at <= now:
        return PauseFault.PAST
    if new.weekly and (new.ends_at is None or new.ends_at - begins_at >= WEEK_MS):
        return PauseFault.WEEK
    return await database.write(_begin, new, actor, begins_at) or PauseFault.EXISTS


async def _begin(tx: Transaction, new: NewPause, actor: str, begins_at: int) -> list[int]:
    await _lock(tx, new.facility_id)
    names = {"facility": new.facility_id, "upstream": new.upstream, "path": new.path, "actor": actor}
    times = {"now": tx.now, "begins": begins_at, "ends": new.ends_at, "weekly": new.weekly}
    reason = new.reason.strip()[:MAX_REASON_CHARACTERS]
    ids = []
    for spec in new.specs or (None,):
        parameters = {**names, **times, "spec": spec, "reason": reason}
        if await tx.first(_SAME, parameters) is None:
            ids += await tx.rows(_INSERT, parameters)
            await _note(tx, "pause.begin", actor, new.facility_id, _subject(new.upstream, spec, new.path), reason)
    return ids


async def end(database: Database, id_: int, actor: str, facility_id: int | None = None) -> bool:
    """End a pause, or cancel a planned one; False if it has ended, or belongs to another facility than `facility_id`.

    The end of one that comes back every week plans the next one; a planned one is cancelled for good.
    What it held is due at once, in order: the next sweep returns it to its lane (engine.outbox.pauses.lanes).
    """
    return await database.write(_end, id_, actor, facility_id)


async def _end(tx: Transaction, id_: int, actor: str, facility_id: int | None) -> bool:
    found = await tx.first(_ONE, {"id": id_})
    if found is None or facility_id not in (None, found.facility_id):
        return False
    await _lock(tx, found.facility_id)
    if not await tx.rows(_END, {"id": id_, "now": tx.now, "actor": actor}):
        return False
    if found.begins_at <= tx.now:
        await tx.execute(_PLAN_NEXT, {"ids": [id_], "now": tx.now})
    subject = _subject(found.upstream, found.spec, found.path)
    await _note(tx, "pause.end", actor, found.facility_id, subject, found.reason)
    return True


async def expire(tx: Transaction) -> None:
    """End the pauses whose time is over, and plan those that come back every week."""
    ended = await tx.rows(_EXPIRE, {"now": tx.now})
    if ended:
        await tx.execute(_PLAN_NEXT, {"ids": ended, "now": tx.now})


async def open_pauses(database: Database, facility_id: int) -> list[Pause]:
    """Return what is paused or planned in a facility, by its beginning."""
    return await database.fetch(_OPEN, {"facility": facility_id, "now": database.clock()})


async def ended_pauses(database: Database, facility_id: int, limit: int) -> list[Pause]:
    """Return the newest pauses of a facility that have ended, the last one first."""
    return await database.fetch(_ENDED, {"facility": facility_id, "now": database.clock(), "limit": limit})


async def current_pauses(database: Database) -> list[Pause]:
    """Return the pauses of all facilities that are in force."""
    return await database.fetch(_CURRENT, {"now": database.clock()})


async def one(database: Database, id_: int) -> Pause | None:
    return await database.first(_ONE, {"id": id_})


def _subject(upstream: str, spec: str | None, path: str | None) -> str:
    """Return what is paused, as the audit log says it before the reason."""
    return " ".join(part for part in ("/".join(filter(None, (upstream, spec))), path and f"({path})") if part)


async def _lock(tx: Transaction, facility_id: int | None) -> None:
    """Let no claim and no other change of pauses run beside this one."""
    await lock_claims(tx, await tx.rows(_FACILITIES) if facility_id is None else [facility_id])


async def _note(tx: Transaction, action: str, actor: str, facility_id: int | None, subject: str, reason: str) -> None:
    entry = (tx.now, actor or "antar", action, f"{subject}: {reason}", facility_id, None, None)
    await tx.insert("audit", AUDIT_COLUMNS, [entry])


_COLUMNS = (
    "id, facility_id, upstream, spec, path, reason, actor, created_at, begins_at, ends_at, ended_at, ended_by, weekly"
)
_OF_FACILITY = "(facility_id = :facility OR facility_id IS NULL)"
_IS_OPEN = "ended_at IS NULL AND (ends_at IS NULL OR ends_at > :now)"
_FACILITIES = Statement("SELECT id FROM facilities ORDER BY id", int)
_ONE = Statement(f"SELECT {_COLUMNS} FROM pauses WHERE id = :id", Pause)
# The same subject in the same facility; two that only touch each other are two pauses.
_SAME = Statement(
    f"""
SELECT id FROM pauses WHERE upstream = :upstream AND COALESCE(spec, '') = COALESCE(CAST(:spec AS VARCHAR), '')
  AND COALESCE(facility_id, 0) = COALESCE(CAST(:facility AS INTEGER), 0) AND {_IS_OPEN}
  AND (ends_at IS NULL OR ends_at > :begins)
  AND (CAST(:ends AS BIGINT) IS NULL OR begins_at < CAST(:ends AS BIGINT))
LIMIT 1
""",
    int,
)
_INSERT = Statement(
    """
INSERT INTO pauses (facility_id, upstream, spec, path, reason, actor, created_at, begins_at, ends_at, weekly)
VALUES (CAST(:facility AS INTEGER), :upstream, CAST(:spec AS VARCHAR), CAST(:path AS VARCHAR), :reason, :actor, :now,
  :begins, CAST(:ends AS BIGINT), :weekly)
RETURNING id
""",
    int,
)
_END = Statement(
    f"UPDATE pauses SET ended_at = :now, ended_by = :actor WHERE id = :id AND {_IS_OPEN} RETURNING id",
    int,
)
_EXPIRE = Statement("UPDATE pauses SET ended_at = ends_at WHERE ended_at IS NULL AND ends_at <= :now RETURNING id", int)
# The first of the following weeks that has not passed yet.
_PLAN_NEXT = Command(
    f"""
INSERT INTO pauses (facility_id, upstream, spec, path, reason, actor, created_at, begins_at, ends_at, weekly)
SELECT p.facility_id, p.upstream, p.spec, p.path, p.reason, p.actor, CAST(:now AS BIGINT),
  p.begins_at + {WEEK_MS} * ((CAST(:now AS BIGINT) - p.ends_at) / {WEEK_MS} + 1),
  p.ends_at + {WEEK_MS} * ((CAST(:now AS BIGINT) - p.ends_at) / {WEEK_MS} + 1), p.weekly
FROM pauses AS p WHERE p.id IN (SELECT id FROM {{ids}} AS v) AND p.weekly
""",
    ids="id bigint",
)
_OPEN = Statement(
    f"SELECT {_COLUMNS} FROM pauses WHERE {_OF_FACILITY} AND {_IS_OPEN} ORDER BY begins_at, id",
    Pause,
)
_ENDED = Statement(
    f"SELECT {_COLUMNS} FROM pauses WHERE {_OF_FACILITY} AND NOT ({_IS_OPEN}) "
    "ORDER BY COALESCE(ended_at, ends_at) DESC, id DESC LIMIT :limit",
    Pause,
)
_CURRENT = Statement(
    f"SELECT {_COLUMNS} FROM pauses WHERE {_IS_OPEN} AND begins_at <= :now ORDER BY begins_at, id", Pause
)
