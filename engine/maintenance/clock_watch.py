"""Detects a clock that jumped and postpones pruning: a wrong clock must not make data look old and destroy it.

A process compares the database's time with monotonic time, and at its start with the latest time stored in the
database. After a jump of a day or more pruning waits for some hours, so that somebody can see and correct the clock. If
another jump follows before anything was pruned the wait is half as long, and so on: pruning is never postponed forever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import structlog

from engine.database.database import Database, steady_clock
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction

JUMP_MS = 60_000  # a smaller correction is not reported
# The smallest jump that postpones pruning: longer than a night in which the machine is off or asleep.
FAR_MS = 86_400_000
WAIT_MS, SHORTEST_WAIT_MS = 6 * 3_600_000, 600_000  # the first postponement, and the shortest

log = structlog.get_logger(__name__)


class ClockWatch:
    """Watches the clock in one worker; the result is stored in the database for all."""

    def __init__(self, database: Database, steady: Callable[[], int] = steady_clock) -> None:
        self._database = database
        self._steady = steady
        self._last = database.clock(), steady()

    async def begin(self) -> None:
        """Compare with the latest time stored in the database; must be called before the first heartbeat."""
        self._last = now, _ = self._database.clock(), self._steady()
        [row] = await self._database.fetch(_READ)
        if row.clock_at is not None:
            await self._take_note(now, now - row.clock_at, FAR_MS)

    async def look(self) -> int:
        """Return the milliseconds by which the clock has jumped since the last look, 0 if it has not."""
        now, steady = self._database.clock(), self._steady()
        jump = (now - self._last[0]) - (steady - self._last[1])
        jump = jump if abs(jump) >= JUMP_MS else 0
        await self._take_note(now, jump, JUMP_MS)
        self._last = now, steady
        return jump

    async def time_to_prune(self) -> int | None:
        """Return the time from which ages are counted, epoch milliseconds; None while pruning waits."""
        await self.look()
        now = self._last[0]
        [row] = await self._database.fetch(_READ)
        if row.prune_after is not None and row.prune_after > now + WAIT_MS:  # written by a clock that was ahead
            await self._database.execute(_SHORTEN, {"until": now + WAIT_MS})
        return None if row.prune_after is not None and row.prune_after > now else now

    async def pruned(self) -> None:
        """Reset the postponements after everything due was pruned."""
        [row] = await self._database.fetch(_READ)
        if row.postponements:
            await self._database.execute(_RESET)

    async def _take_note(self, now: int, jump: int, least: int) -> None:
        if not jump or abs(jump) < least:
            return
        until = await self._database.write(_postpone, now, jump)
        log.warning("clock_jumped", seconds=jump // 1000, pruning_waits_seconds=max(0, until - now) // 1000)


async def note_time(tx: Transaction, now: int) -> None:
    """Store the latest time; part of a worker's heartbeat."""
    await tx.execute(_NOTE_TIME, {"now": now})


async def _postpone(tx: Transaction, now: int, jump: int) -> int:
    """Postpone pruning and return its new time. Several workers may see one jump; it counts once."""
    [row] = await tx.rows(_READ)
    noted = row.jumped_at is not None and abs(now - row.jumped_at) < JUMP_MS and ((row.jump or 0) > 0) == (jump > 0)
    if noted or abs(jump) < FAR_MS:
        return row.prune_after or 0
    until = now + max(SHORTEST_WAIT_MS, WAIT_MS >> min(row.postponements, 16))
    await tx.execute(_POSTPONE, {"now": now, "jump": jump, "until": until})
    return until


class _ClockFacts(NamedTuple):
    """Facts about the clock; `jumped_at` and `jump` are None if pruning has run since."""

    clock_at: int | None
    jumped_at: int | None
    jump: int | None
    prune_after: int | None
    postponements: int


_READ = Statement("SELECT clock_at, jumped_at, jump, prune_after, postponements FROM installation", _ClockFacts)
_NOTE_TIME = Command("UPDATE installation SET clock_at = :now")
_SHORTEN = Command("UPDATE installation SET prune_after = :until")
_RESET = Command("UPDATE installation SET prune_after = NULL, jump = NULL, jumped_at = NULL, postponements = 0")
_POSTPONE = Command(
    """
UPDATE installation SET jumped_at = :now, jump = :jump, prune_after = :until, postponements = postponements + 1
"""
)
