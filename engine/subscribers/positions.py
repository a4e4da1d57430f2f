"""Position of each subscriber in the attempts, with its lease and its pauses after failures.

What a subscriber is told is derived from the attempts, which exist anyway: a settlement costs nothing for it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction

# After this all transactions have ended that had taken the number of an attempt: none becomes visible any more.
LAG_MS = 15_000
LEASE_MS = 120_000  # extended with each batch
PACE_MS = 5_000  # between two looks for what is new
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 60_000, 1_800_000  # after the first failure in a row, doubled after each, at most


class Subscription(NamedTuple):
    """A clinic's system that is told, under the name of the account with which it is reached."""

    facility_id: int
    account: str


class Position(NamedTuple):
    """Position of a subscriber; engine.database.tables.StatusPosition explains the columns."""

    attempt_id: int
    visible_id: int


class FailingSubscriber(NamedTuple):
    """A subscriber that does not take what it is told, since when (epoch ms), and why."""

    facility_id: int
    account: str
    since: int
    tries: int
    problem: str


async def due(database: Database, accounts: Collection[str]) -> list[Subscription]:
    """Return the subscribers with these accounts that are due; one query for all clinics."""
    return await database.fetch(_DUE, {"accounts": list(accounts), "now": database.clock()})


async def take(database: Database, subscription: Subscription) -> Position | None:
    """Lease a subscriber; None if another worker has it. A new one is told of what is settled from now on."""
    return await database.write(_take, subscription)


async def _take(tx: Transaction, subscription: Subscription) -> Position | None:
    names = {**subscription._asdict(), "now": tx.now}
    await tx.execute(_ADD, names)
    if not await tx.execute(_LEASE, {**names, "until": tx.now + LEASE_MS}):
        return None
    await tx.execute(_LOOK, {**names, "before": tx.now - LAG_MS, "after": tx.now + LAG_MS})
    return await tx.first(_POSITION, names)


async def move(database: Database, subscription: Subscription, old: int, new: int, told: int, in_ms: int) -> bool:
    """Note that all up to an attempt was told, `told` events, and when it is due again.

    False if another worker has moved it meanwhile.
    """
    now = database.clock()
    names = {**subscription._asdict(), "old": old, "new": new, "due_at": now + in_ms}
    names |= {"told_at": now if told else None}
    return bool(await database.execute(_MOVE, names))


async def fail(database: Database, subscription: Subscription, problem: str) -> None:
    """Note that the subscriber did not take what it was told; it is told again after a pause."""
    await database.write(_fail, subscription, problem)


async def _fail(tx: Transaction, subscription: Subscription, problem: str) -> None:
    tries = await tx.first(_TRIES, subscription._asdict()) or 0
    pause = min(FIRST_PAUSE_MS * 2 ** min(tries, 10), LONGEST_PAUSE_MS)
    await tx.execute(_FAIL, {**subscription._asdict(), "problem": problem, "now": tx.now, "due_at": tx.now + pause})


async def failing(database: Database) -> list[FailingSubscriber]:
    """Return the subscribers of all clinics that do not take what they are told."""
    return await database.fetch(_FAILING)


_THIS = "facility_id = :facility_id AND account = :account"
# A new address or secret is tried at once. A source that a person has paused is not written to.
_DUE = Statement(
    """
SELECT c.facility_id, c.upstream AS account FROM {accounts} AS v JOIN credentials AS c ON c.upstream = v.account
LEFT JOIN status_positions AS p ON p.facility_id = c.facility_id AND p.account = c.upstream
WHERE (p.due_at IS NULL OR p.due_at <= :now OR c.changed_at > p.failed_at)
  AND (p.due_at IS NULL OR p.seen_id > p.attempt_id OR EXISTS (SELECT 1 FROM attempts AS a WHERE a.id > p.seen_id))
  AND (c.upstream NOT LIKE 'source:%' OR EXISTS (
    SELECT 1 FROM clinic_sources AS s
    WHERE s.facility_id = c.facility_id AND 'source:' || s.source = c.upstream AND s.state = 'running'))
""",
    Subscription,
    accounts="account text",
)
_ADD = Command(
    """
INSERT INTO status_positions (facility_id, account, attempt_id, visible_id, seen_id, seen_at, due_at, tries)
SELECT :facility_id, :account, v.id, v.id, v.id, CAST(:now AS BIGINT), 0, 0
FROM (SELECT COALESCE(MAX(id), 0) AS id FROM attempts) AS v WHERE true
ON CONFLICT (facility_id, account) DO NOTHING
"""
)
_LEASE = Command(
    f"""
UPDATE status_positions SET due_at = :until, failed_at = NULL WHERE {_THIS} AND (due_at <= :now OR EXISTS (
  SELECT 1 FROM credentials AS c WHERE c.facility_id = status_positions.facility_id
    AND c.upstream = status_positions.account AND c.changed_at > status_positions.failed_at))
"""
)
_LOOK = Command(
    f"""
UPDATE status_positions SET visible_id = seen_id, seen_id = (SELECT COALESCE(MAX(id), 0) FROM attempts), seen_at = :now
WHERE {_THIS} AND NOT seen_at BETWEEN :before AND :after
"""
)
_POSITION = Statement(f"SELECT attempt_id, visible_id FROM status_positions WHERE {_THIS}", Position)
_MOVE = Command(
    f"""
UPDATE status_positions SET attempt_id = :new, due_at = :due_at, told_at = COALESCE(CAST(:told_at AS BIGINT), told_at),
  tries = 0, failing_since = NULL, failed_at = NULL, problem = NULL
WHERE {_THIS} AND attempt_id = :old
"""
)
_TRIES = Statement(f"SELECT tries FROM status_positions WHERE {_THIS}", int)
_FAIL = Command(
    f"""
UPDATE status_positions SET tries = tries + 1, failing_since = COALESCE(failing_since, CAST(:now AS BIGINT)),
  failed_at = :now, problem = :problem, due_at = :due_at WHERE {_THIS}
"""
)
_FAILING = Statement(
    """
SELECT facility_id, account, failing_since AS since, tries, problem FROM status_positions
WHERE failing_since IS NOT NULL
""",
    FailingSubscriber,
)
