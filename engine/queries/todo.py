"""Things to do, by the deliveries they would free: failures with a common cause, and records never submitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import func, select

from engine.database.database import Database
from engine.database.statements import Query, Statement
from engine.database.tables import Delivery
from engine.delivery.causes import CauseKind
from engine.specs.record_type import Spec

MAX_FAILURES = 20  # groups of failures that are listed
MAX_EXPANDED = 8  # groups, of types that others need, for which waiting deliveries are counted
MAX_SEEDS = 500  # deliveries of a group whose waiting deliveries are counted
MAX_BEHIND = 2_000  # waiting deliveries that are counted for one group
MAX_WAITS = 20_000  # waits for a type that are read


@dataclass(frozen=True, slots=True)
class Failure:
    """`n` deliveries of a type that failed for one cause; `behind` others wait for them, or more with `more`."""

    spec: str
    cause: str
    n: int
    behind: int
    more: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """Records, of any of the types, that were never submitted; `behind` deliveries wait for them, or more."""

    specs: tuple[str, ...]
    keys: tuple[str, ...]
    behind: int
    more: bool


@dataclass(frozen=True, slots=True)
class TodoFacts:
    failures: tuple[Failure, ...]
    missing: tuple[Missing, ...]


async def todo_facts(database: Database, facility_id: int, specs: Sequence[Spec]) -> TodoFacts:
    """Return the facts for these types; the cost grows with the number of failures, not of deliveries."""
    needs = {frozenset(need.specs): need.specs for spec in reversed(specs) for need in reversed(spec.needs)}
    needed = sorted(needs.values())  # two needs with the same types in another order wait for the same records
    types = {name for names in needed for name in names}
    failures = await _failures(database, facility_id, [spec.name for spec in specs], types)
    missing = [await _missing(database, facility_id, names) for names in needed]
    return TodoFacts(tuple(failures), tuple(group for group in missing if group is not None))


async def _failures(database: Database, facility_id: int, specs: list[str], needed: set[str]) -> list[Failure]:
    rows = await database.fetch(_groups(facility_id, specs))
    waited_for = [row for row in rows if row.spec in needed][:MAX_EXPANDED]
    others = [
        Failure(row.spec, row.cause, row.n, 0, more=False) for row in rows[:MAX_FAILURES] if row not in waited_for
    ]
    return [*others, *[await _failure(database, facility_id, row.spec, row.cause, row.n) for row in waited_for]]


def _groups(facility_id: int, specs: list[str]) -> Query[_Group]:
    """Select groups from ix_deliveries_cause alone; blocked ones are left out, their needs are listed instead."""
    n = func.count().label("n")
    failed = [Delivery.facility_id == facility_id, Delivery.spec.in_(specs), Delivery.cause.is_not(None)]
    query = select(Delivery.spec, Delivery.cause, n).where(*failed, Delivery.cause.not_like(f"{CauseKind.BLOCKED}:%"))
    query = query.group_by(Delivery.spec, Delivery.cause).order_by(n.desc(), Delivery.spec, Delivery.cause)
    return Query(query, _Group)


class _Group(NamedTuple):
    """Failures of one cause."""

    spec: str
    cause: str
    n: int


async def _failure(database: Database, facility_id: int, spec: str, cause: str, n: int) -> Failure:
    parameters = {"facility": facility_id, "spec": spec, "cause": cause, "seeds": MAX_SEEDS}
    keys = await database.fetch(_KEYS, parameters)
    behind = await _behind(database, facility_id, spec, keys)
    return Failure(spec, cause, n, behind, more=behind == MAX_BEHIND or len(keys) == MAX_SEEDS)


async def _missing(database: Database, facility_id: int, specs: tuple[str, ...]) -> Missing | None:
    """Return the missing records of a need; None if none is missing.

    A delivery that accepts several types waits for each of them, so the waits for the first type are enough.
    """
    spec = specs[0]
    parameters = {"facility": facility_id, "spec": spec, "waits": MAX_WAITS, "several": int(len(specs) > 1)}
    rows = await database.fetch(_ABSENT, {**parameters, "specs": specs})
    keys = tuple(row.key for row in rows)
    if not keys:
        return None
    behind = await _behind(database, facility_id, spec, keys[:MAX_SEEDS])
    full = rows[0].looked_at == MAX_WAITS
    return Missing(specs, keys, behind, more=full or behind == MAX_BEHIND or len(keys) > MAX_SEEDS)


async def _behind(database: Database, facility_id: int, spec: str, keys: Iterable[str]) -> int:
    """Count the deliveries that wait for these records, directly or through others; at most MAX_BEHIND."""
    parameters = {"facility": facility_id, "spec": spec, "keys": keys, "most": MAX_BEHIND}
    [n] = await database.fetch(_BEHIND, parameters)
    return n


class _Absent(NamedTuple):
    """Key of a record that was never submitted, and the number of waits that were read."""

    key: str
    looked_at: int


_KEYS = Statement(
    """
SELECT key FROM deliveries
WHERE facility_id = :facility AND spec = :spec AND cause = :cause AND cause IS NOT NULL LIMIT :seeds
""",
    str,
)
_ABSENT = Statement(
    """
SELECT w.key, MAX(w.looked_at) AS looked_at
FROM (
  SELECT key, alternative, COUNT(*) OVER () AS looked_at
  FROM (
    SELECT key, alternative FROM waits WHERE facility_id = :facility AND spec = :spec ORDER BY key LIMIT :waits
  ) AS first
) AS w
WHERE w.alternative = (:several = 1) AND NOT EXISTS (
  SELECT 1 FROM deliveries AS d
  WHERE d.facility_id = :facility AND d.spec IN (SELECT v.spec FROM {specs} AS v) AND d.key = w.key
)
GROUP BY w.key ORDER BY w.key
""",
    _Absent,
    specs="spec text",
)
# CROSS JOIN makes SQLite keep this join order; the limit ends the recursion on both databases.
_BEHIND = Statement(
    """
WITH RECURSIVE freed(id, spec, key) AS (
  SELECT d.id, d.spec, d.key
  FROM {keys} AS v CROSS JOIN waits AS w CROSS JOIN deliveries AS d
  WHERE w.facility_id = :facility AND w.spec = :spec AND w.key = v.key AND d.id = w.delivery_id
  UNION
  SELECT d.id, d.spec, d.key
  FROM freed AS f CROSS JOIN waits AS w CROSS JOIN deliveries AS d
  WHERE w.facility_id = :facility AND w.spec = f.spec AND w.key = f.key AND d.id = w.delivery_id
)
SELECT COUNT(*) FROM (SELECT id FROM freed LIMIT :most) AS counted
""",
    int,
    keys="key text",
)
