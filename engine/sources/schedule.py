"""Schedule of sources: due rounds, the lease of the worker that reads, pauses after faults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction

LEASE_MS = 60_000  # beyond the patience of a query, extended with each batch
PAUSE_MS = 60_000  # after the first fault in a row; doubled after each further one
MAX_PAUSE_MS = 1_800_000
OTHERS_MS = 5_000  # after which a source that is due is read by another worker than before
READ_PAUSE_MS = 300_000  # for which a read that fails alone waits, while the others go on


class SourceKey(NamedTuple):
    """A source of one clinic."""

    facility_id: int
    source: str


class SourceLease(NamedTuple):
    """The right of one worker to read a source of a clinic, until it ends or a person pauses the source."""

    facility_id: int
    source: str
    holder: str
    from_day: str
    agreed_until: int
    lease_ms: int
    before: str | None  # who had it last; empty: nobody, or who has left it


class DueRound(NamedTuple):
    """A round that is due; engine.database.tables.SourceRound explains the columns."""

    id: int
    read: str
    days: int
    first_day: str
    last_day: str
    place: str
    mark: str | None
    done_at: int | None


class RoundResult(NamedTuple):
    """Counts of a round: rows that were read, by their outcome."""

    rows: int = 0
    taken: int = 0
    skipped: int = 0
    refused: int = 0
    gone: int = 0

    def plus(self, other: RoundResult) -> RoundResult:
        return RoundResult(*map(sum, zip(self, other, strict=True)))


class LeaseLost(Exception):
    """Another worker reads the source now, or a person has paused it."""


async def due_sources(database: Database, holder: str) -> list[SourceKey]:
    """Return the sources with something due that no worker reads; one query for all clinics.

    Who read a source last comes first, because it knows what has not changed; the others wait for OTHERS_MS.
    """
    now = database.clock()
    return await database.fetch(_DUE_SOURCES, {"now": now, "holder": holder, "others": now - OTHERS_MS})


async def lease(database: Database, key: SourceKey, holder: str, patience: float) -> SourceLease | None:
    """Lease a source; None if another worker has it, or it is not to be read."""
    lease_ms = LEASE_MS + int(patience * 1000)
    names = {"facility": key.facility_id, "source": key.source, "holder": holder, "lease_ms": lease_ms}
    return await database.write(_lease, names)


async def _lease(tx: Transaction, names: dict[str, object]) -> SourceLease | None:
    before = await tx.first(_HOLDER, names)
    return await tx.first(_LEASE, {**names, "before": before, "now": tx.now})


async def due_rounds(database: Database, held: SourceLease) -> list[DueRound]:
    """Return the rounds of a source that are due, the one of the fewest days first."""
    names = {"facility": held.facility_id, "source": held.source, "now": database.clock()}
    return await database.fetch(_DUE_ROUNDS, names)


async def extend(tx: Transaction, held: SourceLease) -> None:
    """Extend the lease within a transaction. Raises LeaseLost."""
    until = tx.now + held.lease_ms
    names = {"facility": held.facility_id, "source": held.source, "holder": held.holder, "until": until}
    if not await tx.execute(_EXTEND, names):
        raise LeaseLost


async def begin(database: Database, held: SourceLease, round_: DueRound) -> None:
    """Note that a round begins. Raises LeaseLost."""

    async def work(tx: Transaction) -> None:
        await extend(tx, held)
        await tx.execute(_BEGIN, {"id": round_.id, "now": tx.now})

    await database.write(work)


async def advance(database: Database, held: SourceLease, round_: DueRound, day: str) -> None:
    """Note the day that a round has reached. Raises LeaseLost."""

    async def work(tx: Transaction) -> None:
        await extend(tx, held)
        await tx.execute(_ADVANCE, {"id": round_.id, "day": day})

    await database.write(work)


async def finish(
    database: Database, held: SourceLease, round_: DueRound, result: RoundResult, every: int | None, began: int
) -> None:
    """Store the result of a round and the seconds after which the next is due (None: never). Raises LeaseLost."""

    async def work(tx: Transaction) -> None:
        await extend(tx, held)
        due_at = None if every is None else began + every * 1000
        names = {"id": round_.id, "due_at": due_at, "now": tx.now, "ms": tx.now - began, **result._asdict()}
        await tx.execute(_FINISH, names)

    await database.write(work)


async def move_mark(tx: Transaction, round_: DueRound, mark: str) -> None:
    """Note the mark that a round has reached, within the transaction that notes its batch."""
    await tx.execute(_MOVE_MARK, {"id": round_.id, "mark": mark})


async def postpone(database: Database, rounds: Iterable[DueRound], until: int) -> None:
    """Let rounds wait until a time (epoch ms)."""
    await database.execute(_POSTPONE, {"ids": [one.id for one in rounds], "until": until})


async def fail(database: Database, held: SourceLease, fault: str, problem: str) -> None:
    """Note that a source cannot be read and end the lease; it is tried again after a pause."""

    async def work(tx: Transaction) -> None:
        names = {"facility": held.facility_id, "source": held.source, "holder": held.holder}
        tries = await tx.first(_TRIES, names) or 0
        pause = min(PAUSE_MS * 2 ** min(tries, 10), MAX_PAUSE_MS)
        names |= {"fault": fault, "problem": problem, "now": tx.now, "retry_at": tx.now + pause}
        await tx.execute(_FAIL, names)

    await database.write(work)


async def fail_read(database: Database, held: SourceLease, round_: DueRound, fault: str, problem: str) -> None:
    """Note that one read fails; it is tried again after a pause, and the others go on. Raises LeaseLost."""

    async def work(tx: Transaction) -> None:
        await extend(tx, held)
        await tx.execute(_POSTPONE, {"ids": [round_.id], "until": tx.now + READ_PAUSE_MS})
        names = {"facility": held.facility_id, "source": held.source, "holder": held.holder}
        await tx.execute(_FAIL_READ, {**names, "fault": fault, "problem": problem, "now": tx.now})

    await database.write(work)


async def works(database: Database, held: SourceLease) -> None:
    """Note that all that was due could be read: a fault is over, that of a single read after two of its pauses."""
    now = database.clock()
    names = {"facility": held.facility_id, "source": held.source, "before": now - 2 * READ_PAUSE_MS}
    await database.execute(_WORKS, names)


async def stop(database: Database, held: SourceLease, fault: str, problem: str) -> None:
    """Stop a source until a person decides, and end the lease."""
    names = {"facility": held.facility_id, "source": held.source, "holder": held.holder}
    names |= {"fault": fault, "problem": problem, "now": database.clock()}
    await database.execute(_STOP, names)


async def release(database: Database, key: SourceKey, holder: str) -> None:
    """End the lease if this holder has it."""
    names = {"facility": key.facility_id, "source": key.source, "holder": holder}
    await database.execute(_RELEASE, names)


async def leave(database: Database, holder: str) -> None:
    """Leave all sources to other workers, at once."""
    await database.execute(_LEAVE, {"holder": holder})


# New credentials end a pause at once: credentials are stored under source:NAME.
_MAY_BE_READ = """
s.state = 'running' AND s.held_until <= :now AND (s.retry_at IS NULL OR s.retry_at <= :now OR EXISTS (
  SELECT 1 FROM credentials AS c
  WHERE c.facility_id = s.facility_id AND c.upstream = 'source:' || s.source AND c.changed_at > s.failed_at
))
"""
_DUE_SOURCES = Statement(
    f"""
SELECT DISTINCT s.facility_id, s.source FROM source_rounds AS r
JOIN clinic_sources AS s ON s.facility_id = r.facility_id AND s.source = r.source
WHERE r.due_at <= :now AND (COALESCE(s.holder, :holder) = :holder OR r.due_at <= :others) AND {_MAY_BE_READ}
""",
    SourceKey,
)
_HOLDER = Statement(
    """
SELECT COALESCE(holder, '') AS holder FROM clinic_sources
WHERE facility_id = :facility AND source = :source {FOR UPDATE}
""",
    str,
)
_LEASE = Statement(
    f"""
UPDATE clinic_sources AS s SET holder = :holder, held_until = CAST(:now AS BIGINT) + CAST(:lease_ms AS INTEGER)
WHERE s.facility_id = :facility AND s.source = :source AND {_MAY_BE_READ}
RETURNING facility_id, source, holder, from_day, agreed_until, CAST(:lease_ms AS INTEGER) AS lease_ms,
  CAST(:before AS TEXT) AS before
""",
    SourceLease,
)
_DUE_ROUNDS = Statement(
    """
SELECT id, read, days, first_day, last_day, place, mark, done_at FROM source_rounds
WHERE facility_id = :facility AND source = :source AND due_at <= :now ORDER BY first_day, days, id
""",
    DueRound,
)
_OURS = "WHERE facility_id = :facility AND source = :source AND holder = :holder AND state = 'running'"
_EXTEND = Command(f"UPDATE clinic_sources SET held_until = :until {_OURS}")
_BEGIN = Command("UPDATE source_rounds SET begun_at = :now WHERE id = :id")
_ADVANCE = Command("UPDATE source_rounds SET place = :day WHERE id = :id")
_MOVE_MARK = Command("UPDATE source_rounds SET mark = :mark WHERE id = :id")
_FINISH = Command(
    """
UPDATE source_rounds SET due_at = CAST(:due_at AS BIGINT), done_at = :now, milliseconds = :ms, place = '',
  rows = :rows, taken = :taken, skipped = :skipped, refused = :refused, gone = :gone WHERE id = :id
"""
)
_WORKS = Command(
    """
UPDATE clinic_sources SET failing_since = NULL, failed_at = NULL, tries = 0, retry_at = NULL, fault = NULL,
  problem = NULL
WHERE facility_id = :facility AND source = :source AND (retry_at IS NOT NULL OR failed_at < :before)
"""
)
_FAIL_READ = Command(
    f"""
UPDATE clinic_sources SET failing_since = COALESCE(failing_since, :now), failed_at = :now, tries = 0, retry_at = NULL,
  fault = :fault, problem = :problem {_OURS}
"""
)
_POSTPONE = Command("UPDATE source_rounds SET due_at = :until WHERE id IN (SELECT id FROM {ids} AS v)", ids="id bigint")
_TRIES = Statement(f"SELECT tries FROM clinic_sources {_OURS}", int)
_FAIL = Command(
    f"""
UPDATE clinic_sources SET failing_since = COALESCE(failing_since, :now), failed_at = :now, tries = tries + 1,
  retry_at = :retry_at, fault = :fault, problem = :problem, held_until = 0 {_OURS}
"""
)
_STOP = Command(
    f"""
UPDATE clinic_sources SET state = 'stopped', failing_since = :now, failed_at = :now, fault = :fault,
  problem = :problem, held_until = 0 {_OURS}
"""
)
_LEAVE = Command("UPDATE clinic_sources SET held_until = 0, holder = NULL WHERE holder = :holder")
_RELEASE = Command(
    """
UPDATE clinic_sources SET held_until = 0 WHERE facility_id = :facility AND source = :source AND holder = :holder
"""
)
