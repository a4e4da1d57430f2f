"""Root causes: failures with a common cause, and records that others wait for and that nothing sends.

Deliveries that only wait are counted with what they wait for, directly or through others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlalchemy import and_, case, func, select

from engine.database.database import Database
from engine.database.statements import Query, Statement
from engine.database.tables import Delivery
from engine.delivery.causes import FOREIGN, CauseKind
from engine.specs.record_type import Spec

MAX_FAILURES = 100  # groups of failures that are listed; the rest appear as these are fixed
MAX_EXPANDED = 20  # groups, of types that others need, for which waiting deliveries are counted
MAX_SEEDS = 500  # deliveries of a group whose waiting deliveries are counted
MAX_BEHIND = 2_000  # waiting deliveries that are counted for one group
MAX_WAITS = 20_000  # waits for a type that are read
DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Times:
    """First and last time (epoch ms) of a cause; `day` of its deliveries settled in the last 24 hours."""

    first: int | None = None
    last: int | None = None
    day: int = 0
    day_before: int = 0  # settled in the 24 hours before


@dataclass(frozen=True, slots=True)
class Failure:
    """`n` deliveries of a type that failed for one cause; `behind` others wait for them, or more with `more`.

    `sample` is the message of the newest one.
    """

    spec: str
    cause: str
    n: int
    behind: int
    more: bool
    patients: int = 0
    times: Times = Times()
    sample: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """Records, of any of the types, that others wait for; `behind` deliveries wait for them, or more."""

    specs: tuple[str, ...]
    keys: tuple[str, ...]
    behind: int
    more: bool
    times: Times = Times()


@dataclass(frozen=True, slots=True)
class TodoFacts:
    """Root causes: failures, records that were never submitted, and records that a person has set aside."""

    failures: tuple[Failure, ...]
    missing: tuple[Missing, ...]
    set_aside: tuple[Missing, ...] = ()


async def with_problems(database: Database) -> frozenset[int]:
    """Return the ids of the facilities of which a delivery failed, is tried again or waits for a record."""
    return frozenset(await database.fetch(_WITH_PROBLEMS))


async def todo_facts(database: Database, facility_id: int, specs: Sequence[Spec]) -> TodoFacts:
    """Return the facts for these types; the cost grows with the number of failures, not of deliveries."""
    needs = {frozenset(need.specs): need.specs for spec in reversed(specs) for need in reversed(spec.needs)}
    needed = sorted(needs.values())  # two needs with the same types in another order wait for the same records
    types = {name for names in needed for name in names}
    failures = await _failures(database, facility_id, [spec.name for spec in specs], types)
    awaited = await database.fetch(_AWAITED, {"facility": facility_id, "specs": sorted(types)}) if types else []
    missing = [await _missing(database, facility_id, names) for names in needed if names[0] in awaited]
    set_aside = [await _set_aside(database, facility_id, name) for name in awaited]
    return TodoFacts(tuple(failures), tuple(filter(None, missing)), tuple(filter(None, set_aside)))


_WITH_PROBLEMS = Statement(
    "SELECT DISTINCT facility_id FROM totals WHERE n > 0 AND status IN ('failed', 'blocked', 'retrying', 'unsure')", int
)


async def _failures(database: Database, facility_id: int, specs: list[str], needed: set[str]) -> list[Failure]:
    rows = await database.fetch(_groups(facility_id, specs, database.clock()))
    samples = {row.id: row.problem for row in await database.fetch(_SAMPLES, {"ids": [row.newest for row in rows]})}
    failures = [_failure(row, samples.get(row.newest)) for row in rows]
    waited_for = [failure for failure in failures if failure.spec in needed][:MAX_EXPANDED]
    others = [failure for failure in failures if failure not in waited_for]
    return [*others, *[await _with_waiting(database, facility_id, failure) for failure in waited_for]]


def _groups(facility_id: int, specs: list[str], now: int) -> Query[_Group]:
    """Select groups from ix_deliveries_cause alone.

    Blocked ones are left out, as their needs are listed instead, and what is another organization's: nobody mends it.
    """
    n, at = func.count().label("n"), Delivery.settled_at
    failed = [Delivery.facility_id == facility_id, Delivery.spec.in_(specs), Delivery.cause.is_not(None)]
    query = (
        select(
            Delivery.spec,
            Delivery.cause,
            n,
            func.count(Delivery.patient_norm.distinct()).label("patients"),
            func.min(at).label("first"),
            func.max(at).label("last"),
            func.count(case((at >= now - DAY_MS, 1))).label("day"),
            func.count(case((and_(at >= now - 2 * DAY_MS, at < now - DAY_MS), 1))).label("day_before"),
            func.max(Delivery.id).label("newest"),
        )
        .where(*failed, Delivery.cause.not_like(f"{CauseKind.BLOCKED}:%"), Delivery.cause != FOREIGN)
        .group_by(Delivery.spec, Delivery.cause)
        .order_by(n.desc(), Delivery.spec, Delivery.cause)
        .limit(MAX_FAILURES)
    )
    return Query(query, _Group)


class _Group(NamedTuple):
    """Failures of one cause, and the newest of them."""

    spec: str
    cause: str
    n: int
    patients: int
    first: int | None
    last: int | None
    day: int
    day_before: int
    newest: int


def _failure(row: _Group, sample: str | None) -> Failure:
    times = Times(row.first, row.last, row.day, row.day_before)
    return Failure(row.spec, row.cause, row.n, 0, False, row.patients, times, sample or "")


async def _with_waiting(database: Database, facility_id: int, failure: Failure) -> Failure:
    """Return the failure with the number of deliveries that wait for it."""
    parameters = {"facility": facility_id, "spec": failure.spec, "cause": failure.cause, "seeds": MAX_SEEDS}
    keys = await database.fetch(_KEYS, parameters)
    behind = await _behind(database, facility_id, failure.spec, keys)
    return replace(failure, behind=behind, more=behind == MAX_BEHIND or len(keys) == MAX_SEEDS)


async def _missing(database: Database, facility_id: int, specs: tuple[str, ...]) -> Missing | None:
    """Return the missing records of a need; None if none is missing.

    A delivery that accepts several types waits for each of them, so the waits for the first type are enough.
    """
    spec = specs[0]
    parameters = {"facility": facility_id, "spec": spec, "waits": MAX_WAITS, "several": int(len(specs) > 1)}
    rows = await database.fetch(_ABSENT, {**parameters, "specs": specs})
    return await _waited_for(database, facility_id, specs, rows)


async def _set_aside(database: Database, facility_id: int, spec: str) -> Missing | None:
    """Return the records of a type that were set aside while others wait for them; None if there are none."""
    rows = await database.fetch(_SET_ASIDE, {"facility": facility_id, "spec": spec, "waits": MAX_WAITS})
    return await _waited_for(database, facility_id, (spec,), rows)


async def _waited_for(
    database: Database, facility_id: int, specs: tuple[str, ...], rows: Sequence[_Absent]
) -> Missing | None:
    keys = tuple(row.key for row in rows)
    if not keys:
        return None
    behind = await _behind(database, facility_id, specs[0], keys[:MAX_SEEDS])
    full = rows[0].looked_at == MAX_WAITS
    more = full or behind == MAX_BEHIND or len(keys) > MAX_SEEDS
    times = Times(min(row.first for row in rows), max(row.last for row in rows))
    return Missing(specs, keys, behind, more, times)


async def _behind(database: Database, facility_id: int, spec: str, keys: Iterable[str]) -> int:
    """Count the deliveries that wait for these records, directly or through others; at most MAX_BEHIND."""
    parameters = {"facility": facility_id, "spec": spec, "keys": keys, "most": MAX_BEHIND}
    [n] = await database.fetch(_BEHIND, parameters)
    return n


class _Absent(NamedTuple):
    """Key of a record that others wait for, first and last time that one began to, and the number of waits read."""

    key: str
    first: int
    last: int
    looked_at: int


class _Sample(NamedTuple):
    """A failed delivery with its message."""

    id: int
    problem: str | None


_SAMPLES = Statement(
    "SELECT d.id, d.problem FROM deliveries AS d JOIN {ids} AS v ON v.id = d.id", _Sample, ids="id bigint"
)
# One look-up for each type; IS NOT NULL, not EXISTS, which PostgreSQL may answer by reading all waits.
_AWAITED = Statement(
    """
SELECT v.spec FROM {specs} AS v WHERE (
  SELECT w.key FROM waits AS w WHERE w.facility_id = :facility AND w.spec = v.spec LIMIT 1
) IS NOT NULL ORDER BY v.spec
""",
    str,
    specs="spec text",
)
_KEYS = Statement(
    """
SELECT key FROM deliveries
WHERE facility_id = :facility AND spec = :spec AND cause = :cause AND cause IS NOT NULL LIMIT :seeds
""",
    str,
)
_WAITS = """
SELECT w.key, MIN(w.created_at) AS first, MAX(w.created_at) AS last, MAX(w.looked_at) AS looked_at
FROM (
  SELECT key, alternative, created_at, COUNT(*) OVER () AS looked_at
  FROM (
    SELECT key, alternative, created_at FROM waits
    WHERE facility_id = :facility AND spec = :spec AND NOT set_aside ORDER BY key LIMIT :waits
  ) AS first
) AS w
"""
_ABSENT = Statement(
    f"""
{_WAITS}
WHERE w.alternative = (:several = 1) AND NOT EXISTS (
  SELECT 1 FROM deliveries AS d
  WHERE d.facility_id = :facility AND d.spec IN (SELECT v.spec FROM {{specs}} AS v) AND d.key = w.key
)
GROUP BY w.key ORDER BY w.key
""",
    _Absent,
    specs="spec text",
)
_SET_ASIDE = Statement(
    f"""
{_WAITS}
WHERE EXISTS (
  SELECT 1 FROM deliveries AS d
  WHERE d.facility_id = :facility AND d.spec = :spec AND d.key = w.key AND d.status = 'ignored'
)
GROUP BY w.key ORDER BY w.key
""",
    _Absent,
)
# CROSS JOIN makes SQLite keep this join order; the limit ends the recursion on both databases.
_BEHIND = Statement(
    """
WITH RECURSIVE freed(id, spec, key) AS (
  SELECT d.id, d.spec, d.key
  FROM {keys} AS v CROSS JOIN waits AS w CROSS JOIN deliveries AS d
  WHERE w.facility_id = :facility AND w.spec = :spec AND w.key = v.key AND NOT w.set_aside
    AND d.id = w.delivery_id
  UNION
  SELECT d.id, d.spec, d.key
  FROM freed AS f CROSS JOIN waits AS w CROSS JOIN deliveries AS d
  WHERE w.facility_id = :facility AND w.spec = f.spec AND w.key = f.key AND NOT w.set_aside
    AND d.id = w.delivery_id
)
SELECT COUNT(*) FROM (SELECT id FROM freed LIMIT :most) AS counted
""",
    int,
    keys="key text",
)
