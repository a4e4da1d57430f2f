"""States of problems: assigned, noted, ignored until a day, open since. Their keys last as long as their causes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from engine.database.audit import note
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction

MAX_NOTE_CHARACTERS = 500
MAX_NOTES = 20  # newest notes of a problem that are shown
# A problem counts as mended when its deliveries have not failed for this long; those that are tried again fail sooner.
MENDED_AFTER_MS = 3_600_000
HOUR_MS = 3_600_000


class ProblemResult(StrEnum):
    """The result of a person's action on a problem."""

    DONE = "done"
    ALREADY = "already"  # the second of two clicks
    CHANGED = "changed"  # somebody changed the state since the page was opened


class ProblemState(NamedTuple):
    """State of a problem; `ignored_until` is a day of the facility, and `version` counts the changes.

    `opened_at` and `seen_at` are 0 until the problem is noted as seen.
    """

    key: str
    assigned_to: str
    ignored_until: str
    ignored_at: int
    ignored_by: str
    version: int
    opened_at: int = 0
    seen_at: int = 0

    def is_ignored(self, today: str, last: int | None) -> bool:
        """Return whether the problem is ignored: until the end of its day, unless it came up again."""
        return self.ignored_until >= today and not self.came_again(last)

    def came_again(self, last: int | None) -> bool:
        """Return whether deliveries failed since a person ignored the problem; `last` is when the newest one did."""
        return bool(self.ignored_until) and last is not None and last > self.ignored_at

    def open_since(self, first: int | None, now: int) -> int:
        """Return since when the problem is open; `first` is the oldest failure that is there now.

        Another try of all its deliveries makes `first` younger, but the problem is the same.
        """
        if self.opened_at and now - self.seen_at < MENDED_AFTER_MS:
            return self.opened_at
        return now if first is None else first

    def is_escalated(self, first: int | None, now: int, hours: int) -> bool:
        """Return whether a problem that is not ignored has been open for these hours; never with 0."""
        return hours > 0 and now - self.open_since(first, now) >= hours * HOUR_MS


NEW = ProblemState("", "", "", 0, "", 0)  # of a problem that nobody has touched


class SeenProblem(NamedTuple):
    """A problem that is there now: when the oldest of its failures was, and whether a person ignores it."""

    key: str
    first: int
    is_ignored: bool


class ProblemNote(NamedTuple):
    """A note of a person about a problem."""

    key: str
    at: int
    actor: str
    text: str


class _Kept(NamedTuple):
    """A state and the values to which a person changes it."""

    facility: int
    key: str
    version: int
    assigned_to: str
    ignored_until: str
    ignored_at: int
    ignored_by: str


async def states(database: Database, facility_id: int, keys: Sequence[str]) -> dict[str, ProblemState]:
    """Return the states of the problems that have one."""
    rows = await database.fetch(_STATES, {"facility": facility_id, "keys": keys}) if keys else []
    return {row.key: row for row in rows}


async def notes(database: Database, facility_id: int, keys: Sequence[str]) -> dict[str, list[ProblemNote]]:
    """Return the newest notes of the problems, the newest first."""
    found: dict[str, list[ProblemNote]] = {}
    rows = await database.fetch(_NOTES, {"facility": facility_id, "keys": keys, "most": MAX_NOTES}) if keys else []
    for row in rows:
        found.setdefault(row.key, []).append(row)
    return found


async def note_seen(database: Database, facility_id: int, seen: Sequence[SeenProblem]) -> None:
    """Keep since when problems are open; the time in which one is ignored does not count."""
    now = database.clock()
    rows = [(problem.key, now if problem.is_ignored else min(problem.first, now)) for problem in seen]
    if rows:
        parameters = {"facility": facility_id, "rows": rows, "now": now, "mended": now - MENDED_AFTER_MS}
        await database.execute(_SEEN, parameters)


async def failed_since(database: Database, facility_id: int, groups: Sequence[tuple[str, str]], since: int) -> int:
    """Count the deliveries of groups (type, cause) that failed after a time."""
    [n] = await database.fetch(_SINCE, {"facility": facility_id, "rows": groups, "since": since})
    return n


async def assign(
    database: Database, facility_id: int, key: str, name: str, *, version: int, actor: str
) -> ProblemResult:
    """Assign the problem to a person, or to nobody with an empty name."""
    return await database.write(_assign, facility_id, key, name, version, actor)


async def ignore(
    database: Database, facility_id: int, key: str, until: str, *, version: int, actor: str
) -> ProblemResult:
    """Ignore the problem until the end of a day, YYYY-MM-DD; an empty one opens it again."""
    return await database.write(_ignore, facility_id, key, until, version, actor)


async def add_note(database: Database, facility_id: int, key: str, text: str, actor: str) -> ProblemResult:
    """Add a note; the same words of the same person twice in a row are one."""
    return await database.write(_add_note, facility_id, key, text[:MAX_NOTE_CHARACTERS], actor)


async def _assign(tx: Transaction, facility_id: int, key: str, name: str, version: int, actor: str) -> ProblemResult:
    state = await _locked(tx, facility_id, key)
    if state.assigned_to == name:
        return ProblemResult.ALREADY
    changed = state._replace(assigned_to=name)
    return await _change(tx, facility_id, changed, version, actor, "problem.assign", name or "–")


async def _ignore(tx: Transaction, facility_id: int, key: str, until: str, version: int, actor: str) -> ProblemResult:
    state = await _locked(tx, facility_id, key)
    if state.version != version and state.ignored_until == until and state.ignored_by == actor:
        return ProblemResult.ALREADY
    changed = state._replace(ignored_until=until, ignored_at=tx.now if until else 0, ignored_by=actor if until else "")
    action = "problem.ignore" if until else "problem.open"
    return await _change(tx, facility_id, changed, version, actor, action, until)


async def _change(
    tx: Transaction, facility_id: int, state: ProblemState, version: int, actor: str, action: str, reason: str
) -> ProblemResult:
    """Store a changed state, if it is still of the version that the person saw."""
    if state.version != version:
        return ProblemResult.CHANGED
    await tx.execute(_CHANGE, {"facility": facility_id, **state._asdict()})
    await note(tx, tx.now, actor, action, facility_id=facility_id, reason=f"{state.key} {reason}".strip())
    return ProblemResult.DONE


async def _locked(tx: Transaction, facility_id: int, key: str) -> ProblemState:
    """Return the state, locked until the transaction ends; a problem without one gets it."""
    parameters = {"facility": facility_id, "key": key}
    await tx.execute(_BEGIN, parameters)
    [state] = await tx.rows(_LOCK, parameters)
    return state


async def _add_note(tx: Transaction, facility_id: int, key: str, text: str, actor: str) -> ProblemResult:
    await _locked(tx, facility_id, key)
    parameters = {"facility": facility_id, "key": key, "text": text, "actor": actor, "now": tx.now}
    last = await tx.first(_LAST_NOTE, parameters)
    if last is not None and (last.actor, last.text) == (actor, text):
        return ProblemResult.ALREADY
    await tx.execute(_ADD_NOTE, parameters)
    await note(tx, tx.now, actor, "problem.note", facility_id=facility_id, reason=f"{key} {text}")
    return ProblemResult.DONE


_FIELDS = "key, assigned_to, ignored_until, ignored_at, ignored_by, version, opened_at, seen_at"
_STATES = Statement(
    f"SELECT {_FIELDS} FROM problem_states WHERE facility_id = :facility AND key IN (SELECT key FROM {{keys}} AS v)",
    ProblemState,
    keys="key text",
)
_LOCK = Statement(
    f"SELECT {_FIELDS} FROM problem_states WHERE facility_id = :facility AND key = :key {{FOR UPDATE}}", ProblemState
)
_BEGIN = Command(
    """
INSERT INTO problem_states (facility_id, key, assigned_to, ignored_until, ignored_at, ignored_by, version)
VALUES (:facility, :key, '', '', 0, '', 0) ON CONFLICT DO NOTHING
"""
)
_CHANGE = Command(
    """
UPDATE problem_states SET assigned_to = :assigned_to, ignored_until = :ignored_until, ignored_at = :ignored_at,
  ignored_by = :ignored_by, version = :version + 1
WHERE facility_id = :facility AND key = :key
"""
)
_SEEN = Command(
    """
INSERT INTO problem_states (facility_id, key, assigned_to, ignored_until, ignored_at, ignored_by, version, opened_at,
  seen_at)
SELECT :facility, v.key, '', '', 0, '', 0, v.opened, CAST(:now AS BIGINT) FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, key) DO UPDATE SET seen_at = excluded.seen_at, opened_at = CASE
  WHEN problem_states.seen_at <= CAST(:mended AS BIGINT) OR excluded.opened_at = excluded.seen_at
  THEN excluded.opened_at
  ELSE problem_states.opened_at END
""",
    rows="key text, opened bigint",
)
_NOTES = Statement(
    """
SELECT key, at, actor, text FROM (
  SELECT n.id, n.key, n.at, n.actor, n.text, ROW_NUMBER() OVER (PARTITION BY n.key ORDER BY n.id DESC) AS place
  FROM problem_notes AS n
  WHERE n.facility_id = :facility AND n.key IN (SELECT key FROM {keys} AS v)
) AS newest WHERE place <= :most ORDER BY id DESC
""",
    ProblemNote,
    keys="key text",
)
_LAST_NOTE = Statement(
    """
SELECT key, at, actor, text FROM problem_notes WHERE facility_id = :facility AND key = :key ORDER BY id DESC LIMIT 1
""",
    ProblemNote,
)
_ADD_NOTE = Command(
    "INSERT INTO problem_notes (facility_id, key, at, actor, text) VALUES (:facility, :key, :now, :actor, :text)"
)
_SINCE = Statement(
    """
SELECT COUNT(*) FROM {rows} AS v JOIN deliveries AS d
ON d.facility_id = :facility AND d.spec = v.spec AND d.cause = v.cause AND d.cause IS NOT NULL
WHERE d.settled_at > :since
""",
    int,
    rows="spec text, cause text",
)
