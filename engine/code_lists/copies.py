"""Copies of code lists in the database: synchronisations that replace a copy, and queries that read it.

A synchronisation stages the rows that it reads; when all are read the staged rows replace the copy in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import bindparam, text
from sqlalchemy.exc import IntegrityError

from engine.database.database import Database, FollowUp, as_json
from engine.database.transaction import Transaction
from engine.specs.code_list import SHARED, CodeList, CodeListRow, Reads

LEASE_MS = 60_000  # lease of a synchronisation, renewed with each page that a worker stores


@dataclass(frozen=True, slots=True)
class SyncLease:
    """A synchronisation leased by a worker."""

    id: int
    facility_id: int
    list: str
    done: int
    offset: int
    since: str | None = None  # only changes since this date are read; None: all rows are
    tries: int = 0  # failed reads in a row before this one


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows of a copy by key, and the key after which the next page begins; None on the last page."""

    rows: Sequence[Any]
    next: str | None


async def ask(database: Database, code_list: CodeList, facility_id: int, actor: str) -> int | None:
    """Request a read of a list, of its changes only if that is enough; None if the list is being read already."""
    owner = code_list.owner(facility_id)
    changes = code_list.source.changes if isinstance(code_list.source, Reads) else None
    since = None if changes is None else await _last_date(database, owner, code_list.name, changes.full)
    return await begin(database, owner, code_list.name, actor, since)


async def _last_date(database: Database, owner: int, list_: str, full: float) -> str | None:
    """Return the day before the last read of a list; None if no full read began within the last `full` hours."""
    names = {"facility": owner, "list": list_, "after": database.clock() - int(full * 3_600_000)}
    [(whole, newest)] = await database.fetch(text(_LAST), names)
    if whole is None:
        return None
    return (datetime.fromtimestamp(newest / 1000, UTC) - timedelta(days=1)).date().isoformat()


async def begin(database: Database, facility_id: int, list_: str, actor: str, since: str | None = None) -> int | None:
    """Request a synchronisation and return its id; None if one is running already."""
    parameters = {"facility": facility_id, "list": list_, "actor": actor, "now": database.clock(), "since": since}

    async def run(tx: Transaction) -> int:
        [(id_,)] = await tx.rows(text(_BEGIN), parameters)
        return int(id_)

    try:
        return await database.write(run)
    except IntegrityError:
        return None


async def lease_next(database: Database, lists: Collection[str] | None = None) -> SyncLease | None:
    """Lease a running synchronisation of these lists (None: of any) that no worker has; None if there is none."""
    among = "" if lists is None else "AND list IN :lists"
    statement = text(_TAKE.format(among=among, lock=database.skip_locked))
    if lists is not None:
        statement = statement.bindparams(bindparam("lists", sorted(lists), expanding=True))

    async def run(tx: Transaction) -> SyncLease | None:
        now = tx.now
        row = await tx.first(statement, {"now": now, "until": now + LEASE_MS})
        return SyncLease(*row) if row else None

    return await database.write(run)


async def store_page(
    database: Database, lease: SyncLease, rows: Sequence[CodeListRow], *, done: int, offset: int, total: int
) -> bool:
    """Stage rows and store the position of the read; False if another worker has the synchronisation now."""
    staged = [[lease.id, row.key, orjson.dumps(row.content).decode(), _words(row), int(row.withdrawn)] for row in rows]

    async def run(tx: Transaction) -> bool:
        now = tx.now
        progress = {"id": lease.id, "done": done, "offset": offset, "total": total, "until": now + LEASE_MS}
        before = {"done_before": lease.done, "offset_before": lease.offset}
        if not await tx.execute(text(_ADVANCE), {**progress, **before}):
            return False
        if staged:
            await tx.execute(text(_STAGE % tx.subquery(_STAGED, "rows")), {"rows": as_json(staged)})
        return True

    return await database.write(run)


async def finish(database: Database, lease: SyncLease, after: Sequence[FollowUp] = ()) -> bool:
    """Replace the old copy by the staged rows in one transaction; False if another worker has the synchronisation.

    `after` runs in the same transaction and updates what depends on the copy.
    """

    async def run(tx: Transaction) -> bool:
        names = {"id": lease.id, "facility": lease.facility_id, "list": lease.list, "now": tx.now}
        if not await tx.execute(text(_DONE), names):
            return False
        await tx.execute(text("ANALYZE staged_rows"))  # just filled: PostgreSQL's statistics say it is empty
        swap = _SWAP if lease.since is None else {name: sql for name, sql in _SWAP.items() if name != "vanished"}
        counts = {name: await tx.execute(text(statement), names) for name, statement in swap.items()}
        gone = counts.pop("vanished", 0) + counts.pop("withdrawn")
        await tx.execute(text("DELETE FROM staged_rows WHERE synchronisation_id = :id"), names)
        await tx.execute(text(_COUNT), {"id": lease.id, "gone": gone, **counts})
        await tx.execute(text("ANALYZE code_rows"))
        for work in after:
            await work(tx)
        return True

    return await database.write(run)


async def release(database: Database, lease: SyncLease) -> None:
    """Give up the lease, so that another worker may continue at once."""

    async def run(tx: Transaction) -> None:
        await tx.execute(text("UPDATE synchronisations SET held_until = 0 WHERE id = :id"), {"id": lease.id})

    await database.write(run)


async def fail(
    database: Database, lease: SyncLease, problem: str, *, retry_at: int | None = None, tried: bool = True
) -> None:
    """Mark a synchronisation as failed with its problem; the old copy stays. It is read again at `retry_at`.

    Without `tried` no request was sent, and the failure is not counted. Without `retry_at` it may be read at once.
    """

    async def run(tx: Transaction) -> None:
        names = {"id": lease.id, "now": tx.now, "problem": problem, "tries": lease.tries + int(tried)}
        await tx.execute(text(_FAIL), {**names, "retry_at": retry_at})
        await tx.execute(text("DELETE FROM staged_rows WHERE synchronisation_id = :id"), {"id": lease.id})

    await database.write(run)


async def rows_of(database: Database, facility_id: int, list_: str) -> list[dict[str, Any]]:
    """Return the present rows of a copy, each as a mapping of its columns."""
    query = (
        "SELECT content FROM code_rows WHERE facility_id = :facility AND list = :list AND gone_at IS NULL ORDER BY key"
    )
    rows = await database.fetch(text(query), {"facility": facility_id, "list": list_})
    return [orjson.loads(row.content) for row in rows]


async def search(
    database: Database, facility_id: int, list_: str, words: str = "", after: str = "", size: int = 50
) -> RowPage:
    """Return rows in which every word occurs, by key; withdrawn rows are included, with `gone_at`."""
    terms = words.casefold().split()
    conditions = "".join(f" AND words LIKE :word{n} ESCAPE '\\'" for n in range(len(terms)))
    parameters = {f"word{n}": f"%{_escaped(word)}%" for n, word in enumerate(terms)}
    query = (
        "SELECT key, content, changed_at, gone_at FROM code_rows WHERE facility_id = :facility AND list = :list "
        f"AND key > :after{conditions} ORDER BY key LIMIT :size"
    )
    bound = {**parameters, "facility": facility_id, "list": list_, "after": after, "size": size + 1}
    rows = await database.fetch(text(query), bound)
    return RowPage(rows[:size], rows[size - 1].key if len(rows) > size else None)


async def latest(database: Database, facility_id: int) -> dict[str, Any]:
    """Return the newest synchronisation of each code list, by its name."""
    query = (
        "SELECT * FROM synchronisations WHERE id IN "
        "(SELECT MAX(id) FROM synchronisations WHERE facility_id IN (:facility, :shared) GROUP BY list)"
    )
    names = {"facility": facility_id, "shared": SHARED}
    return {row.list: row for row in await database.fetch(text(query), names)}


async def one_row(database: Database, owner: int, list_: str, key: str) -> Any | None:
    """Return a row of the copy by its key: content, changed_at, gone_at; None if there is none."""
    query = "SELECT * FROM code_rows WHERE facility_id = :owner AND list = :list AND key = :key"
    rows = await database.fetch(text(query), {"owner": owner, "list": list_, "key": key})
    return rows[0] if rows else None


async def add_row(database: Database, owner: int, list_: str, row: CodeListRow) -> None:
    """Store a single row in the copy."""
    now = database.clock()
    values = {"owner": owner, "list": list_, "key": row.key, "content": orjson.dumps(row.content).decode()}
    values |= {"words": _words(row), "now": now, "gone": now if row.withdrawn else None}
    await database.write(lambda tx: tx.execute(text(_ADD_ROW), values))


def _words(row: CodeListRow) -> str:
    return " ".join(str(value) for value in row.content.values() if value is not None).casefold()


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_STAGED = {
    "synchronisation_id": "bigint",
    "key": "text",
    "content": "text",
    "words": "text",
    "withdrawn": "integer",
}

_BEGIN = """
INSERT INTO synchronisations (facility_id, list, actor, state, started_at, held_until, total, done, "offset", added,
  changed, gone, since) VALUES (:facility, :list, :actor, 'running', :now, 0, 0, 0, 0, 0, 0, 0, :since) RETURNING id
"""

_LAST = """
SELECT MAX(CASE WHEN since IS NULL AND started_at > :after THEN started_at END), MAX(started_at)
FROM synchronisations WHERE facility_id = :facility AND list = :list AND state = 'done'
"""

_TAKE = """
UPDATE synchronisations SET held_until = :until
WHERE id = (
  SELECT id FROM synchronisations WHERE state = 'running' AND held_until <= :now {among} ORDER BY id LIMIT 1 {lock}
)
RETURNING id, facility_id, list, done, "offset", since, tries
"""

# Fenced by the position: a worker that is late, or repeats itself, changes nothing.
_ADVANCE = """
UPDATE synchronisations SET done = :done, "offset" = :offset, total = :total, held_until = :until
WHERE id = :id AND state = 'running' AND done = :done_before AND "offset" = :offset_before
"""

_STAGE = """
INSERT INTO staged_rows (synchronisation_id, key, content, words, withdrawn)
SELECT synchronisation_id, key, content, words, withdrawn FROM %s AS v WHERE true
ON CONFLICT (synchronisation_id, key)
DO UPDATE SET content = excluded.content, words = excluded.words, withdrawn = excluded.withdrawn
"""

_DONE = """
UPDATE synchronisations SET state = 'done', ended_at = :now, problem = NULL, retry_at = NULL, tries = 0
WHERE id = :id AND state = 'running'
"""

_FAIL = """
UPDATE synchronisations SET state = 'failed', ended_at = :now, problem = :problem, tries = :tries,
  retry_at = CAST(:retry_at AS BIGINT)
WHERE id = :id AND state = 'running'
"""

_SWAP = {
    "vanished": """
UPDATE code_rows SET gone_at = :now WHERE facility_id = :facility AND list = :list AND gone_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM staged_rows AS s WHERE s.synchronisation_id = :id AND s.key = code_rows.key)
""",
    "withdrawn": """
UPDATE code_rows SET content = s.content, words = s.words, changed_at = :now, gone_at = :now FROM staged_rows AS s
WHERE s.synchronisation_id = :id AND code_rows.facility_id = :facility AND code_rows.list = :list
  AND code_rows.key = s.key AND s.withdrawn = 1 AND code_rows.gone_at IS NULL
""",
    "changed": """
UPDATE code_rows SET content = s.content, words = s.words, changed_at = :now,
  gone_at = CASE WHEN s.withdrawn = 1 THEN code_rows.gone_at END
FROM staged_rows AS s
WHERE s.synchronisation_id = :id AND code_rows.facility_id = :facility AND code_rows.list = :list
  AND code_rows.key = s.key
  AND (code_rows.content <> s.content OR s.withdrawn = 0 AND code_rows.gone_at IS NOT NULL)
""",
    "added": """
INSERT INTO code_rows (facility_id, list, key, content, words, since, changed_at, gone_at)
SELECT y.facility_id, y.list, s.key, s.content, s.words, y.ended_at, y.ended_at,
  CASE WHEN s.withdrawn = 1 THEN y.ended_at END
FROM staged_rows AS s JOIN synchronisations AS y ON y.id = s.synchronisation_id WHERE y.id = :id
  AND NOT EXISTS
    (SELECT 1 FROM code_rows AS c WHERE c.facility_id = y.facility_id AND c.list = y.list AND c.key = s.key)
""",
}

_COUNT = "UPDATE synchronisations SET added = :added, changed = :changed, gone = :gone WHERE id = :id"

_ADD_ROW = """
INSERT INTO code_rows (facility_id, list, key, content, words, since, changed_at, gone_at)
VALUES (:owner, :list, :key, :content, :words, :now, :now, CAST(:gone AS BIGINT))
ON CONFLICT (facility_id, list, key) DO UPDATE SET content = excluded.content, words = excluded.words,
  changed_at = excluded.changed_at, gone_at = excluded.gone_at
"""
