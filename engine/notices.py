"""Notes that people write for everybody; the panel shows them in the strip on every page until they end."""

from __future__ import annotations

from typing import NamedTuple

from engine.database.audit import note
from engine.database.database import Database
from engine.database.statements import Statement
from engine.database.transaction import Transaction

MAX_CHARACTERS = 300


class Notice(NamedTuple):
    """A note. Times are epoch milliseconds; without `ends_at` it stays until a person removes it."""

    id: int
    facility_id: int | None  # None: all facilities
    text: str
    actor: str
    created_at: int
    ends_at: int | None


async def add_notice(
    database: Database, facility_id: int | None, words: str, actor: str, ends_at: int | None = None
) -> int | None:
    """Store a note; return its id, or None if it is empty, would have ended already, or stands there already."""
    kept = " ".join(words.split())[:MAX_CHARACTERS]
    if not kept or (ends_at is not None and ends_at <= database.clock()):
        return None
    return await database.write(_add, facility_id, kept, actor, ends_at)


async def _add(tx: Transaction, facility_id: int | None, words: str, actor: str, ends_at: int | None) -> int | None:
    names = {"facility": facility_id, "text": words, "actor": actor, "ends": ends_at, "now": tx.now}
    id_ = await tx.first(_INSERT, names)
    if id_ is not None:
        await note(tx, tx.now, actor, "notice.add", facility_id=facility_id, reason=words)
    return id_


async def remove_notice(database: Database, id_: int, actor: str, facility_id: int | None = None) -> bool:
    """Remove a note; False if it is gone, or belongs to another facility than `facility_id` (None: any)."""
    return await database.write(_remove, id_, actor, facility_id)


async def _remove(tx: Transaction, id_: int, actor: str, facility_id: int | None) -> bool:
    removed = await tx.first(_REMOVE, {"id": id_, "actor": actor, "now": tx.now, "only": facility_id})
    if removed is None:
        return False
    await note(tx, tx.now, actor, "notice.remove", facility_id=removed.facility_id, reason=removed.text)
    return True


async def notices(database: Database, facility_id: int) -> list[Notice]:
    """Return the notes that the people of a facility read now, the newest first."""
    return await database.fetch(_PRESENT, {"facility": facility_id, "now": database.clock()})


_COLUMNS = "id, facility_id, text, actor, created_at, ends_at"
_IS_PRESENT = "removed_at IS NULL AND (ends_at IS NULL OR ends_at > :now)"
# Not a second time: of two clicks, or of two tabs.
_INSERT = Statement(
    f"""
INSERT INTO notices (facility_id, text, actor, created_at, ends_at)
SELECT CAST(:facility AS INTEGER), CAST(:text AS VARCHAR), CAST(:actor AS VARCHAR), CAST(:now AS BIGINT),
  CAST(:ends AS BIGINT)
WHERE NOT EXISTS (SELECT 1 FROM notices WHERE text = CAST(:text AS VARCHAR) AND {_IS_PRESENT}
  AND COALESCE(facility_id, 0) = COALESCE(CAST(:facility AS INTEGER), 0))
RETURNING id
""",
    int,
)
_REMOVE = Statement(
    f"""
UPDATE notices SET removed_at = :now, removed_by = :actor
WHERE id = :id AND removed_at IS NULL AND (CAST(:only AS INTEGER) IS NULL OR facility_id = CAST(:only AS INTEGER))
RETURNING {_COLUMNS}
""",
    Notice,
)
_PRESENT = Statement(
    f"SELECT {_COLUMNS} FROM notices WHERE (facility_id = :facility OR facility_id IS NULL) AND {_IS_PRESENT} "
    "ORDER BY id DESC LIMIT 20",
    Notice,
)
