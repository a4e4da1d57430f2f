"""Decisions of a person about a clinic's source: it is read, from a day on, paused, or read once more."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.errors import NotFound
from engine.specs.his_source import HisSource

LATE = "late"  # fault of a source without another one whose rounds are due for LATE_MS
LATE_MS = 1_800_000
AGREED_MS = 3_600_000  # for which a person's word holds that many rows may disappear


class SourceState(NamedTuple):
    """A source of a clinic; engine.database.tables.ClinicSource explains the columns."""

    facility_id: int
    source: str
    state: str
    from_day: str
    actor: str
    changed_at: int
    failing_since: int | None
    tries: int
    retry_at: int | None
    fault: str | None
    problem: str | None


class FailingSource(NamedTuple):
    """A source that cannot be read, the kind of its fault, and since when (epoch ms)."""

    facility_id: int
    source: str
    fault: str
    since: int


class RoundState(NamedTuple):
    """The last round of a read; engine.database.tables.SourceRound explains the columns."""

    source: str
    read: str
    days: int
    first_day: str
    last_day: str
    due_at: int | None
    place: str
    begun_at: int | None
    done_at: int | None
    milliseconds: int
    rows: int
    taken: int
    skipped: int
    refused: int
    gone: int


class StateCount(NamedTuple):
    """Number of rows of a read that were not taken, by their outcome."""

    source: str
    read: str
    state: str
    n: int


async def start(database: Database, facility_id: int, source: HisSource, from_day: date, actor: str) -> None:
    """Let a source be read from that day on, at once."""
    names = {"facility": facility_id, "source": source.name, "from_day": from_day.isoformat(), "actor": actor}
    await database.write(_start, names, _rounds(source))


async def _start(tx: Transaction, names: dict[str, object], rounds: list[list[object]]) -> None:
    await tx.execute(_RUN, {**names, "now": tx.now})
    await tx.execute(_ADD_ROUNDS, {**names, "rows": rounds, "now": tx.now})
    await tx.execute(_DUE_NOW, {**names, "now": tx.now})


async def pause(database: Database, facility_id: int, source: str, actor: str) -> None:
    """Stop reading a source, within a batch. Raises NotFound if it was never started."""
    names = {"facility": facility_id, "source": source, "actor": actor, "now": database.clock()}
    if not await database.execute(_PAUSE, names):
        raise NotFound(f"the source {source!r} was never started here")


async def agree(database: Database, facility_id: int, source: str, actor: str) -> None:
    """Go on although many rows have disappeared at once: they are withdrawn. Raises NotFound."""
    names = {"facility": facility_id, "source": source, "actor": actor}
    if not await database.write(_agree, names):
        raise NotFound(f"the source {source!r} is not stopped here")


async def _agree(tx: Transaction, names: dict[str, object]) -> bool:
    agreed = await tx.execute(_AGREE, {**names, "now": tx.now, "until": tx.now + AGREED_MS})
    await tx.execute(_DUE_NOW, {**names, "now": tx.now})
    return bool(agreed)


async def read_once(database: Database, facility_id: int, source: str, read: str, first: date, last: date) -> None:
    """Let the days from `first` to `last` be read once, whatever the windows."""
    row = [read, 0, first.isoformat(), last.isoformat()]
    names = {"facility": facility_id, "source": source, "rows": [row], "now": database.clock()}
    await database.write(_read_once, names)


async def _read_once(tx: Transaction, names: dict[str, object]) -> None:
    await tx.execute(_ADD_ROUNDS, names)


async def keep_rounds(database: Database, sources: list[HisSource]) -> None:
    """Make the rounds of the started sources those that the configuration declares."""
    await database.write(_keep_rounds, [[source.name, *row] for source in sources for row in _rounds(source)])


async def _keep_rounds(tx: Transaction, rows: list[list[object]]) -> None:
    await tx.execute(_ADD_DECLARED, {"rows": rows, "now": tx.now})
    await tx.execute(_REMOVE_OTHERS, {"rows": rows})


async def states(database: Database, facility_id: int) -> dict[str, SourceState]:
    """Return the sources of a clinic that were ever started, by name."""
    return {row.source: row for row in await database.fetch(_STATES, {"facility": facility_id})}


async def failing_sources(database: Database) -> list[FailingSource]:
    """Return the sources of all clinics that cannot be read or are late, those that a person has paused left out."""
    return await database.fetch(_FAILING, {"late": LATE, "before": database.clock() - LATE_MS})


async def rounds(database: Database, facility_id: int) -> list[RoundState]:
    """Return the last rounds of all reads of a clinic's sources."""
    return await database.fetch(_ROUNDS, {"facility": facility_id})


async def counts(database: Database, facility_id: int) -> list[StateCount]:
    """Return how many rows are skipped, refused and gone, by read."""
    return await database.fetch(_COUNTS, {"facility": facility_id})


def _rounds(source: HisSource) -> list[list[object]]:
    return [[read.name, window.days, "", ""] for read in source.reads.values() for window in read.windows]


_RUN = Command(
    """
INSERT INTO clinic_sources (facility_id, source, state, from_day, actor, changed_at, held_until, tries, agreed_until)
VALUES (:facility, :source, 'running', :from_day, :actor, :now, 0, 0, 0)
ON CONFLICT (facility_id, source) DO UPDATE SET state = 'running', from_day = excluded.from_day,
  actor = excluded.actor, changed_at = excluded.changed_at, failing_since = NULL, failed_at = NULL, tries = 0,
  retry_at = NULL, fault = NULL, problem = NULL
"""
)
_ADD_ROUNDS = Command(
    """
INSERT INTO source_rounds (facility_id, source, read, days, first_day, last_day, due_at)
SELECT :facility, :source, v.read, v.days, v.first_day, v.last_day, CAST(:now AS BIGINT) FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, source, read, days, first_day, last_day)
DO UPDATE SET due_at = excluded.due_at, place = '', mark = NULL
""",
    rows="read text, days integer, first_day text, last_day text",
)
_DUE_NOW = Command(
    """
UPDATE source_rounds SET due_at = :now
WHERE facility_id = :facility AND source = :source AND (due_at IS NOT NULL OR first_day = '')
"""
)
_PAUSE = Command(
    """
UPDATE clinic_sources SET state = 'paused', actor = :actor, changed_at = :now
WHERE facility_id = :facility AND source = :source
"""
)
_AGREE = Command(
    """
UPDATE clinic_sources SET state = 'running', actor = :actor, changed_at = :now, agreed_until = :until,
  failing_since = NULL, failed_at = NULL, tries = 0, retry_at = NULL, fault = NULL, problem = NULL
WHERE facility_id = :facility AND source = :source AND state = 'stopped'
"""
)
_DECLARED = "source text, read text, days integer, first_day text, last_day text"
_ADD_DECLARED = Command(
    """
INSERT INTO source_rounds (facility_id, source, read, days, first_day, last_day, due_at)
SELECT s.facility_id, v.source, v.read, v.days, '', '', CAST(:now AS BIGINT)
FROM {rows} AS v JOIN clinic_sources AS s ON s.source = v.source WHERE true
ON CONFLICT (facility_id, source, read, days, first_day, last_day) DO NOTHING
""",
    rows=_DECLARED,
)
_REMOVE_OTHERS = Command(
    """
DELETE FROM source_rounds WHERE first_day = '' AND NOT EXISTS (
  SELECT 1 FROM {rows} AS v
  WHERE v.source = source_rounds.source AND v.read = source_rounds.read AND v.days = source_rounds.days)
""",
    rows=_DECLARED,
)
_STATES = Statement(
    f"SELECT {', '.join(SourceState._fields)} FROM clinic_sources WHERE facility_id = :facility", SourceState
)
_FAILING = Statement(
    """
SELECT facility_id, source, fault, failing_since AS since FROM clinic_sources
WHERE failing_since IS NOT NULL AND state <> 'paused'
UNION ALL
SELECT s.facility_id, s.source, CAST(:late AS VARCHAR(12)) AS fault, MIN(r.due_at) AS since FROM clinic_sources AS s
JOIN source_rounds AS r ON r.facility_id = s.facility_id AND r.source = s.source
WHERE s.state = 'running' AND s.failing_since IS NULL AND r.first_day = '' AND r.due_at < :before
GROUP BY s.facility_id, s.source
""",
    FailingSource,
)
_ROUNDS = Statement(
    f"""
SELECT {", ".join(RoundState._fields)} FROM source_rounds WHERE facility_id = :facility
ORDER BY source, read, first_day, days
""",
    RoundState,
)
_COUNTS = Statement(
    """
SELECT source, read, state, COUNT(*) AS n FROM source_rows WHERE facility_id = :facility AND state <> 'taken'
GROUP BY source, read, state
""",
    StateCount,
)
