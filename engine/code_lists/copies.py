"""The copies of code lists: begin a synchronisation, keep what it reads, put it in place, and read the copy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.exc import IntegrityError

from engine.database.database import Database, as_json
from engine.specs.code_list import SHARED, CodeList, Reads, Row

LEASE_MS = 60_000  # milliseconds for which a worker holds a synchronisation from one page to the next


@dataclass(frozen=True, slots=True)
class SyncLease:
    """A synchronisation in the hands of a worker."""

    id: int
    facility_id: int
    list: str
    done: int
    offset: int
    since: str | None = None  # only what changed since this date is read; None: all is
    tries: int = 0  # readings that failed before this one, in a row


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows of a copy, by key, and the key after which the next page begins; None on the last."""

    rows: Sequence[Any]
    next: str | None


async def ask(database: Database, code_list: CodeList, facility_id: int, actor: str) -> int | None:
    """Ask for a list to be read, only for what changed where that will do; None if it is being read already."""
    owner = code_list.owner(facility_id)
    changes = code_list.source.changes if isinstance(code_list.source, Reads) else None
    since = None if changes is None else await _last_date(database, owner, code_list.name, changes.full)
    return await begin(database, owner, code_list.name, actor, since)


async def _last_date(database: Database, owner: int, list_: str, full: float) -> str | None:
    """A day before it was last read; None if it was not read whole for so many hours."""
    names = {"facility": owner, "list": list_, "after": database.clock() - int(full * 3_600_000)}
    [(whole, newest)] = await database.fetch(text(_LAST), names)
    if whole is None:
        return None
    return (datetime.fromtimestamp(newest / 1000, UTC) - timedelta(days=1)).date().isoformat()


async def begin(database: Database, facility_id: int, list_: str, actor: str, since: str | None = None) -> int | None:
    """Ask for a synchronisation; None if one is running already."""
    parameters = {"facility": facility_id, "list": list_, "actor": actor, "now": database.clock(), "since": since}

    def run(connection: Connection) -> int:
        return int(connection.execute(text(_BEGIN), parameters).scalar_one())

    try:
        return await database.write(run)
    except IntegrityError:
        return None


async def take(database: Database, lists: Collection[str] | None = None) -> SyncLease | None:
    """A synchronisation of these lists, or of any, that nobody reads, to go on where it was left."""
    among = "" if lists is None else "AND list IN :lists"
    statement = text(_TAKE.format(among=among, lock=database.skip_locked))
    if lists is not None:
        statement = statement.bindparams(bindparam("lists", sorted(lists), expanding=True))

    def run(connection: Connection) -> SyncLease | None:
        now = database.clock()
        row = connection.execute(statement, {"now": now, "until": now + LEASE_MS}).one_or_none()
        return SyncLease(*row) if row else None

    return await database.write(run)


async def keep(database: Database, held: SyncLease, rows: Sequence[Row], *, done: int, offset: int, total: int) -> bool:
    """Stage what a read brought and note how far it is; False if another worker has it now."""
    staged = [[held.id, row.key, orjson.dumps(row.content).decode(), _words(row), int(row.withdrawn)] for row in rows]

    def run(connection: Connection) -> bool:
        now = database.clock()
        progress = {"id": held.id, "done": done, "offset": offset, "total": total, "until": now + LEASE_MS}
        before = {"done_before": held.done, "offset_before": held.offset}
        if not connection.execute(text(_ADVANCE), {**progress, **before}).rowcount:
            return False
        if staged:
            connection.execute(text(_STAGE % database.rows(_STAGED, "rows")), {"rows": as_json(staged)})
        return True

    return await database.write(run)


async def finish(database: Database, held: SyncLease, after: Sequence[Callable[[Connection], object]] = ()) -> bool:
    """Put what was staged in the place of the old copy, in one transaction; False if another worker has it now.

    `after` follows in the same transaction: what the new copy means for others.
    """

    def run(connection: Connection) -> bool:
        names = {"id": held.id, "facility": held.facility_id, "list": held.list, "now": database.clock()}
        if not connection.execute(text(_DONE), names).rowcount:
            return False
        connection.execute(text("ANALYZE staged_rows"))  # filled a moment ago: PostgreSQL takes it for empty
        swap = _SWAP if held.since is None else {name: each for name, each in _SWAP.items() if name != "vanished"}
        counts = {name: connection.execute(text(statement), names).rowcount for name, statement in swap.items()}
        gone = counts.pop("vanished", 0) + counts.pop("withdrawn")
        connection.execute(text("DELETE FROM staged_rows WHERE synchronisation_id = :id"), names)
        connection.execute(text(_COUNT), {"id": held.id, "gone": gone, **counts})
        connection.execute(text("ANALYZE code_rows"))
        for work in after:
            work(connection)
        return True

    return await database.write(run)


async def release(database: Database, held: SyncLease) -> None:
    """Leave it to the next worker, at once."""

    def run(connection: Connection) -> None:
        connection.execute(text("UPDATE synchronisations SET held_until = 0 WHERE id = :id"), {"id": held.id})

    await database.write(run)


async def give_up(
    database: Database, held: SyncLease, problem: str, *, retry_at: int | None = None, tried: bool = True
) -> None:
    """End it without touching the old copy, and say why; `retry_at`: when it is read again, None at once.

    Without `tried` nothing was asked, and it counts as no failure.
    """

    def run(connection: Connection) -> None:
        names = {"id": held.id, "now": database.clock(), "problem": problem, "tries": held.tries + int(tried)}
        connection.execute(text(_FAIL), {**names, "retry_at": retry_at})
        connection.execute(text("DELETE FROM staged_rows WHERE synchronisation_id = :id"), {"id": held.id})

    await database.write(run)


async def rows_of(database: Database, facility_id: int, list_: str) -> list[dict[str, Any]]:
    """The present rows of a copy, each as a mapping of its columns."""
    query = (
        "SELECT content FROM code_rows WHERE facility_id = :facility AND list = :list AND gone_at IS NULL ORDER BY key"
    )
    found = await database.fetch(text(query), {"facility": facility_id, "list": list_})
    return [orjson.loads(row.content) for row in found]


async def search(
    database: Database, facility_id: int, list_: str, words: str = "", after: str = "", size: int = 50
) -> RowPage:
    """Rows in which every word occurs, by key; what vanished is among them and says since when."""
    wanted = words.casefold().split()
    conditions = "".join(f" AND words LIKE :word{n} ESCAPE '\\'" for n in range(len(wanted)))
    parameters = {f"word{n}": f"%{_escaped(word)}%" for n, word in enumerate(wanted)}
    query = (
        "SELECT key, content, changed_at, gone_at FROM code_rows WHERE facility_id = :facility AND list = :list "
        f"AND key > :after{conditions} ORDER BY key LIMIT :size"
    )
    bound = {**parameters, "facility": facility_id, "list": list_, "after": after, "size": size + 1}
    rows = await database.fetch(text(query), bound)
    return RowPage(rows[:size], rows[size - 1].key if len(rows) > size else None)


async def latest(database: Database, facility_id: int) -> dict[str, Any]:
    """The newest synchronisation of each code list."""
    query = (
        "SELECT * FROM synchronisations WHERE id IN "
        "(SELECT MAX(id) FROM synchronisations WHERE facility_id IN (:facility, :shared) GROUP BY list)"
    )
    names = {"facility": facility_id, "shared": SHARED}
    return {row.list: row for row in await database.fetch(text(query), names)}


async def one_row(database: Database, owner: int, list_: str, key: str) -> Any | None:
    """A row of the copy by its key: content, changed_at, gone_at; None if it has none."""
    query = "SELECT * FROM code_rows WHERE facility_id = :owner AND list = :list AND key = :key"
    rows = await database.fetch(text(query), {"owner": owner, "list": list_, "key": key})
    return rows[0] if rows else None


async def add_row(database: Database, owner: int, list_: str, row: Row) -> None:
    """Put a row that was asked for alone into the copy."""
    now = database.clock()
    values = {"owner": owner, "list": list_, "key": row.key, "content": orjson.dumps(row.content).decode()}
    values |= {"words": _words(row), "now": now, "gone": now if row.withdrawn else None}
    await database.write(lambda connection: connection.execute(text(_ADD_ROW), values))


def _words(row: Row) -> str:
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

# Fenced by how far it is: who comes late, or for the second time, changes nothing.
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
