"""Schedule of code lists: the next read by a list's interval, and the retry after a failed read."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.limits.backoff import wait
from engine.specs.code_list import CodeList
from engine.specs.upstream import Retry

# Pauses after failed reads in a row: 15, 30, 60 seconds and so on, at most 15 minutes; jitter cuts up to half of each.
AFTER_FAILURE = Retry(first=15.0, factor=2.0, cap=900.0)
HOUR_MS = 3_600_000


class LastRead(NamedTuple):
    """Newest synchronisation of a list. Times are epoch milliseconds."""

    owner: int
    list: str
    id: int
    state: str
    started_at: int
    ended_at: int | None
    retry_at: int | None
    tries: int
    read_at: int | None  # when the copy was last replaced; None: never


LastReads = Mapping[tuple[int, str], LastRead]  # by owner and list


async def last_reads(database: Database) -> LastReads:
    """Return the newest synchronisation of each list of each owner."""
    return {(last.owner, last.list): last for last in await database.fetch(_LAST_READS)}


async def credential_changes(database: Database) -> dict[tuple[int, str], int]:
    """Return when the credentials of each facility for each upstream were entered."""
    rows = await database.fetch(_CREDENTIAL_CHANGES)
    return {(row.facility_id, row.upstream): row.changed_at for row in rows}


def is_due(code_list: CodeList, last: LastRead | None, now: int, credentials_at: int = 0) -> bool:
    """Return whether a list is to be read now: when its interval has passed, or its file has changed.

    After a failure it is read when the retry pause is over; a changed file or new credentials end the pause at once.
    """
    source = code_list.source
    changed_at = int(source.stat().st_mtime * 1000) if isinstance(source, Path) else 0
    if last is None:
        return isinstance(source, Path) or code_list.every is not None
    if last.state == "running":
        return False
    ended_at = last.ended_at or last.started_at
    if last.state == "failed":
        return now >= (last.retry_at or 0) or max(changed_at, credentials_at) > ended_at
    every = None if code_list.every is None or isinstance(source, Path) else code_list.every * HOUR_MS
    return changed_at > last.started_at or (every is not None and now - ended_at >= every)


def retry_at(now: int, tries: int, rng: random.Random) -> int:
    """Return when to read again after `tries` failures in a row."""
    return now + int(1000 * wait(AFTER_FAILURE, tries, None, rng))


async def read_again(database: Database, last: LastRead) -> bool:
    """Restart a failed synchronisation from its beginning; False if another worker did or one is running."""
    names = {"id": last.id, "tries": last.tries}
    try:
        return bool(await database.write(Transaction.execute, _AGAIN, names))
    except IntegrityError:
        return False


async def postpone(database: Database, id_: int, until: int) -> None:
    """Suspend a running synchronisation: any worker may continue it from `until` on."""
    await database.write(Transaction.execute, _POSTPONE, {"id": id_, "until": until})


_LAST_READS = Statement(
    """
SELECT s.facility_id AS owner, s.list, s.id, s.state, s.started_at, s.ended_at, s.retry_at, s.tries, n.read_at
FROM synchronisations AS s JOIN (
  SELECT MAX(id) AS id, MAX(CASE WHEN state = 'done' THEN ended_at END) AS read_at
  FROM synchronisations GROUP BY facility_id, list
) AS n ON n.id = s.id
""",
    LastRead,
)


class _CredentialChange(NamedTuple):
    """Time at which a facility entered its credentials for an upstream."""

    facility_id: int
    upstream: str
    changed_at: int


_CREDENTIAL_CHANGES = Statement("SELECT facility_id, upstream, changed_at FROM credentials", _CredentialChange)

_AGAIN = Command(
    """
UPDATE synchronisations SET state = 'running', held_until = 0, total = 0, done = 0, "offset" = 0, ended_at = NULL
WHERE id = :id AND state = 'failed' AND tries = :tries
"""
)

_POSTPONE = Command("UPDATE synchronisations SET held_until = :until WHERE id = :id AND state = 'running'")
