"""Synchronisations of code lists: leased, read page by page into staged rows, and finished in one transaction.

When all rows are read the staged rows replace the copy; until then the old copy stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy.exc import IntegrityError

from engine.code_lists.copies import words_of
from engine.database.database import Database, FollowUp
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.specs.code_list import SHARED, CodeList, CodeListRow, Reads

LEASE_MS = 60_000  # lease of a synchronisation, renewed with each page that a worker stores


class SyncLease(NamedTuple):
    """A synchronisation leased by a worker."""

    id: int
    facility_id: int
    list: str
    done: int
    offset: int
    since: str | None = None  # only changes since this date are read; None: all rows are
    tries: int = 0  # failed reads in a row before this one


class SyncRow(NamedTuple):
    """A synchronisation; engine.database.tables.Synchronisation explains the columns."""

    id: int
    facility_id: int
    list: str
    actor: str
    state: str
    started_at: int
    ended_at: int | None
    total: int
    done: int
    added: int
    changed: int
    gone: int
    since: str | None
    problem: str | None
    tries: int
    retry_at: int | None


async def ask(database: Database, code_list: CodeList, facility_id: int, actor: str) -> int | None:
    """Request a read of a list, of its changes only if that is enough; None if the list is being read already."""
    owner = code_list.owner(facility_id)
    changes = code_list.source.changes if isinstance(code_list.source, Reads) else None
    since = None if changes is None else await _last_date(database, owner, code_list.name, changes.full)
    return await begin(database, owner, code_list.name, actor, since)


async def _last_date(database: Database, owner: int, list_: str, full: float) -> str | None:
    """Return the day before the last read of a list; None if no full read began within the last `full` hours."""
    names = {"facility": owner, "list": list_, "after": database.clock() - int(full * 3_600_000)}
    [last] = await database.fetch(_LAST, names)
    if last.whole is None or last.newest is None:
        return None
    return (datetime.fromtimestamp(last.newest / 1000, UTC) - timedelta(days=1)).date().isoformat()


async def begin(database: Database, facility_id: int, list_: str, actor: str, since: str | None = None) -> int | None:
    """Request a synchronisation and return its id; None if one is running already."""
    names = {"facility": facility_id, "list": list_, "actor": actor, "since": since}
    try:
        return await database.write(_begin, names)
    except IntegrityError:
        return None


async def _begin(tx: Transaction, names: dict[str, Any]) -> int | None:
    return await tx.first(_BEGIN, {**names, "now": tx.now})


async def lease_next(database: Database, lists: Collection[str] | None = None) -> SyncLease | None:
    """Lease a running synchronisation of these lists (None: of any) that no worker has; None if there is none."""
    return await database.write(_lease_next, lists)


async def _lease_next(tx: Transaction, lists: Collection[str] | None) -> SyncLease | None:
    times = {"now": tx.now, "until": tx.now + LEASE_MS}
    if lists is None:
        return await tx.first(_TAKE, times)
    return await tx.first(_TAKE_AMONG, {**times, "lists": sorted(lists)})


async def store_page(
    database: Database, lease: SyncLease, rows: Sequence[CodeListRow], *, done: int, offset: int, total: int
) -> bool:
    """Stage rows and store the position of the read; False if another worker has the synchronisation now."""
    staged = [
        [lease.id, row.key, orjson.dumps(row.content).decode(), words_of(row), int(row.withdrawn)] for row in rows
    ]
    progress = {"id": lease.id, "done": done, "offset": offset, "total": total}
    before = {"done_before": lease.done, "offset_before": lease.offset}
    return await database.write(_store_page, {**progress, **before}, staged)


async def _store_page(tx: Transaction, progress: dict[str, int], staged: Sequence[Sequence[Any]]) -> bool:
    if not await tx.execute(_ADVANCE, {**progress, "until": tx.now + LEASE_MS}):
        return False
    if staged:
        await tx.execute(_STAGE, {"rows": staged})
    return True


async def finish(database: Database, lease: SyncLease, after: Sequence[FollowUp] = ()) -> bool:
    """Replace the old copy by the staged rows in one transaction; False if another worker has the synchronisation.

    `after` runs in the same transaction and updates what depends on the copy.
    """
    return await database.write(_finish, lease, after)


async def _finish(tx: Transaction, lease: SyncLease, after: Sequence[FollowUp]) -> bool:
    names = {"id": lease.id, "facility": lease.facility_id, "list": lease.list, "now": tx.now}
    if not await tx.execute(_DONE, names):
        return False
    await tx.execute(_ANALYZE_STAGED)  # just filled: PostgreSQL's statistics say it is empty
    swap = _SWAP if lease.since is None else {name: command for name, command in _SWAP.items() if name != "vanished"}
    counts = {name: await tx.execute(command, names) for name, command in swap.items()}
    gone = counts.pop("vanished", 0) + counts.pop("withdrawn")
    await tx.execute(_DROP_STAGED, {"id": lease.id})
    await tx.execute(_COUNT, {"id": lease.id, "gone": gone, **counts})
    await tx.execute(_ANALYZE_COPIES)
    for work in after:
        await work(tx)
    return True


async def release(database: Database, lease: SyncLease) -> None:
    """Give up the lease, so that another worker may continue at once."""
    await database.execute(_RELEASE, {"id": lease.id})


async def fail(
    database: Database, lease: SyncLease, problem: str, *, retry_at: int | None = None, tried: bool = True
) -> None:
    """Mark a synchronisation as failed with its problem; the old copy stays. It is read again at `retry_at`.

    Without `tried` no request was sent, and the failure is not counted. Without `retry_at` it may be read at once.
    """
    names = {"id": lease.id, "problem": problem, "tries": lease.tries + int(tried), "retry_at": retry_at}
    await database.write(_fail, names)


async def _fail(tx: Transaction, names: dict[str, Any]) -> None:
    await tx.execute(_FAIL, {**names, "now": tx.now})
    await tx.execute(_DROP_STAGED, {"id": names["id"]})


async def latest(database: Database, facility_id: int) -> dict[str, SyncRow]:
    """Return the newest synchronisation of each code list, by its name."""
    return {row.list: row for row in await database.fetch(_LATEST, {"facility": facility_id, "shared": SHARED})}


_BEGIN = Statement(
    """
INSERT INTO synchronisations (facility_id, list, actor, state, started_at, held_until, total, done, "offset", added,
  changed, gone, since) VALUES (:facility, :list, :actor, 'running', :now, 0, 0, 0, 0, 0, 0, 0, :since) RETURNING id
""",
    int,
)


class _LastReads(NamedTuple):
    """Start times of the last full read and of the last read of a list."""

    whole: int | None
    newest: int | None


_LAST = Statement(
    """
SELECT MAX(CASE WHEN since IS NULL AND started_at > :after THEN started_at END) AS whole, MAX(started_at) AS newest
FROM synchronisations WHERE facility_id = :facility AND list = :list AND state = 'done'
""",
    _LastReads,
)


_LEASE = """
UPDATE synchronisations SET held_until = :until
WHERE id = (
  SELECT id FROM synchronisations WHERE state = 'running' AND held_until <= :now%s
  ORDER BY id LIMIT 1 {FOR UPDATE SKIP LOCKED}
)
RETURNING id, facility_id, list, done, "offset", since, tries
"""


_TAKE = Statement(_LEASE % "", SyncLease)


_TAKE_AMONG = Statement(_LEASE % " AND list IN (SELECT name FROM {lists} AS v)", SyncLease, lists="name text")


# Fenced by the position: a worker that is late, or repeats itself, changes nothing.
_ADVANCE = Command(
    """
UPDATE synchronisations SET done = :done, "offset" = :offset, total = :total, held_until = :until
WHERE id = :id AND state = 'running' AND done = :done_before AND "offset" = :offset_before
"""
)


_STAGE = Command(
    """
INSERT INTO staged_rows (synchronisation_id, key, content, words, withdrawn)
SELECT synchronisation_id, key, content, words, withdrawn FROM {rows} AS v WHERE true
ON CONFLICT (synchronisation_id, key)
DO UPDATE SET content = excluded.content, words = excluded.words, withdrawn = excluded.withdrawn
""",
    rows="synchronisation_id bigint, key text, content text, words text, withdrawn integer",
)


_DONE = Command(
    """
UPDATE synchronisations SET state = 'done', ended_at = :now, problem = NULL, retry_at = NULL, tries = 0
WHERE id = :id AND state = 'running'
"""
)


_FAIL = Command(
    """
UPDATE synchronisations SET state = 'failed', ended_at = :now, problem = :problem, tries = :tries,
  retry_at = CAST(:retry_at AS BIGINT)
WHERE id = :id AND state = 'running'
"""
)


_SWAP = {
    "vanished": Command(
        """
UPDATE code_rows SET gone_at = :now WHERE facility_id = :facility AND list = :list AND gone_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM staged_rows AS s WHERE s.synchronisation_id = :id AND s.key = code_rows.key)
"""
    ),
    "withdrawn": Command(
        """
UPDATE code_rows SET content = s.content, words = s.words, changed_at = :now, gone_at = :now FROM staged_rows AS s
WHERE s.synchronisation_id = :id AND code_rows.facility_id = :facility AND code_rows.list = :list
  AND code_rows.key = s.key AND s.withdrawn = 1 AND code_rows.gone_at IS NULL
"""
    ),
    "changed": Command(
        """
UPDATE code_rows SET content = s.content, words = s.words, changed_at = :now,
  gone_at = CASE WHEN s.withdrawn = 1 THEN code_rows.gone_at END
FROM staged_rows AS s
WHERE s.synchronisation_id = :id AND code_rows.facility_id = :facility AND code_rows.list = :list
  AND code_rows.key = s.key
  AND (code_rows.content <> s.content OR s.withdrawn = 0 AND code_rows.gone_at IS NOT NULL)
"""
    ),
    "added": Command(
        """
INSERT INTO code_rows (facility_id, list, key, content, words, since, changed_at, gone_at)
SELECT y.facility_id, y.list, s.key, s.content, s.words, y.ended_at, y.ended_at,
  CASE WHEN s.withdrawn = 1 THEN y.ended_at END
FROM staged_rows AS s JOIN synchronisations AS y ON y.id = s.synchronisation_id WHERE y.id = :id
  AND NOT EXISTS
    (SELECT 1 FROM code_rows AS c WHERE c.facility_id = y.facility_id AND c.list = y.list AND c.key = s.key)
"""
    ),
}


_COUNT = Command("UPDATE synchronisations SET added = :added, changed = :changed, gone = :gone WHERE id = :id")


_RELEASE = Command("UPDATE synchronisations SET held_until = 0 WHERE id = :id")


_DROP_STAGED = Command("DELETE FROM staged_rows WHERE synchronisation_id = :id")


_ANALYZE_STAGED = Command("ANALYZE staged_rows")


_ANALYZE_COPIES = Command("ANALYZE code_rows")


_LATEST = Statement(
    f"""
SELECT {", ".join(SyncRow._fields)} FROM synchronisations
WHERE id IN (SELECT MAX(id) FROM synchronisations WHERE facility_id IN (:facility, :shared) GROUP BY list)
""",
    SyncRow,
)
