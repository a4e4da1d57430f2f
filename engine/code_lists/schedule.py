"""Schedule of code lists: the next read by a list's interval, and the retry after a failed read."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from engine.database.database import Database
from engine.database.statements import Command, Statement
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


ListKey = tuple[int, str]  # owner and list
LastReads = Mapping[ListKey, LastRead]
NEVER = math.inf


async def last_reads(database: Database, keys: Sequence[ListKey]) -> LastReads:
    """Return the newest synchronisation of each of these lists that has one."""
    return {(last.owner, last.list): last for last in await database.fetch(_LAST_READS, {"keys": keys})}


async def credential_changes(database: Database) -> dict[tuple[int, str], int]:
    """Return when the credentials of each facility for each upstream were entered."""
    rows = await database.fetch(_CREDENTIAL_CHANGES)
    return {(row.facility_id, row.upstream): row.changed_at for row in rows}


def due_at(code_list: CodeList, last: LastRead | None, credentials_at: int = 0) -> float:
    """Return when a list is read next (epoch ms): when its interval has passed, or at once if its file has changed.

    After a failure it is read when the retry pause is over; a changed file or new credentials end the pause at once.
    """
    source = code_list.source
    every = None if code_list.every is None or isinstance(source, Path) else code_list.every * HOUR_MS
    changed_at = int(source.stat().st_mtime * 1000) if isinstance(source, Path) else 0
    if last is None:
        return 0 if isinstance(source, Path) or every is not None else NEVER
    if last.state == "running":
        return NEVER
    ended_at = last.ended_at or last.started_at
    if last.state == "failed":
        return 0 if max(changed_at, credentials_at) > ended_at else last.retry_at or 0
    if changed_at > last.started_at:
        return 0
    return NEVER if every is None else ended_at + every


def retry_at(now: int, tries: int, rng: random.Random) -> int:
    """Return when to read again after `tries` failures in a row."""
    return now + int(1000 * wait(AFTER_FAILURE, tries, None, rng))


async def read_again(database: Database, last: LastRead) -> bool:
    """Restart a failed synchronisation from its beginning; False if another worker did or one is running."""
    names = {"id": last.id, "tries": last.tries}
    try:
        return bool(await database.execute(_AGAIN, names))
    except IntegrityError:
        return False


async def postpone(database: Database, id_: int, until: int) -> None:
    """Suspend a running synchronisation: any worker may continue it from `until` on."""
    await database.execute(_POSTPONE, {"id": id_, "until": until})


_LAST_READS = Statement(
    """
SELECT s.facility_id AS owner, s.list, s.id, s.state, s.started_at, s.ended_at, s.retry_at, s.tries, (
  SELECT d.ended_at FROM synchronisations AS d
  WHERE d.facility_id = v.owner AND d.list = v.list AND d.state = 'done' ORDER BY d.id DESC LIMIT 1
) AS read_at
FROM {keys} AS v JOIN synchronisations AS s ON s.id = (
  SELECT n.id FROM synchronisations AS n WHERE n.facility_id = v.owner AND n.list = v.list ORDER BY n.id DESC LIMIT 1
)
""",
    LastRead,
    keys="owner integer, list text",
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
