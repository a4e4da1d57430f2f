"""Memory of the records of the HTTP interface that were refused, until the same key is accepted.

Only what is needed to find the record is kept: type, key and problems. A clinic keeps MAX_KEPT of them for KEEP_MS.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from adapters.messages import together
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.intake.intake import Accepted, Refused
from engine.intake.refusal_text import refusal_text

MAX_KEPT = 10_000  # refused records of a clinic; of more the oldest are forgotten
KEEP_MS = 30 * 86_400_000
LOOK_MS = 2_000  # for which a process believes what it has read of a clinic's refused records


class RefusedRow(NamedTuple):
    """A refused record; `n` is how often in a row it was refused, from `first_at` to `at` (epoch ms)."""

    spec: str
    key: str
    problem: str
    n: int
    first_at: int
    at: int


class _Key(NamedTuple):
    spec: str
    key: str


class Refusals:
    """The refused records of all clinics. Accepting a record that was not refused costs no query of its own.

    Each process knows the refused keys of a clinic as of LOOK_MS ago; a key that another process has refused since is
    forgotten by `prune`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, tuple[int, frozenset[tuple[str, str]]]] = {}  # facility -> until when, (type, key)

    async def note(self, facility_id: int, spec: str, results: Sequence[Accepted | Refused]) -> None:
        """Remember what was refused, and forget what was accepted."""
        refused = [one for one in results if isinstance(one, Refused)]
        rows = {(one.key or ""): together([refusal_text(problem) for problem in one.problems]) for one in refused}
        known = await self._refused_keys(facility_id)
        accepted = {one.key for one in results if isinstance(one, Accepted) and (spec, one.key) in known} - rows.keys()
        if not rows and not accepted:
            return
        names = {"facility": facility_id, "spec": spec}
        await self._database.write(_write, names, [[key, text] for key, text in rows.items()], [*accepted])
        self._known.pop(facility_id, None)

    async def _refused_keys(self, facility_id: int) -> frozenset[tuple[str, str]]:
        now = self._database.clock()
        until, known = self._known.get(facility_id, (0, frozenset()))
        if not now < until <= now + LOOK_MS:  # also after a clock that was ahead
            rows = await self._database.fetch(_KEYS, {"facility": facility_id})
            known = frozenset((row.spec, row.key) for row in rows)
            self._known[facility_id] = now + LOOK_MS, known
        return known


async def _write(tx: Transaction, names: dict[str, object], refused: list[list[str]], accepted: list[str]) -> None:
    if refused:
        await tx.execute(_REMEMBER, {**names, "rows": refused, "now": tx.now})
    if accepted:
        await tx.execute(_FORGET, {**names, "keys": accepted})


async def forget_group(database: Database, facility_id: int, spec: str, problem: str) -> int:
    """Forget the refused records of a type with the same problem; return how many."""
    names = {"facility": facility_id, "spec": spec, "problem": problem}
    return await database.execute(_FORGET_GROUP, names)


async def prune(database: Database) -> None:
    """Forget refused records that are too old or too many, and those whose record has been accepted since."""
    await database.write(_prune, database.clock())


async def _prune(tx: Transaction, now: int) -> None:
    await tx.execute(_FORGET_OLD, {"before": now - KEEP_MS})
    await tx.execute(_FORGET_ACCEPTED)
    for facility_id in await tx.rows(_FULL, {"most": MAX_KEPT}):
        await tx.execute(_FORGET_SURPLUS, {"facility": facility_id, "most": MAX_KEPT})


async def refused_records(database: Database, facility_id: int, spec: str, after: str, size: int) -> list[RefusedRow]:
    """Return refused records of a clinic, or of one type, in the order of type and key, after `SPEC KEY`."""
    after_spec, _, after_key = after.partition(" ")
    names = {"facility": facility_id, "spec": spec, "after_spec": after_spec, "after_key": after_key, "size": size}
    return await database.fetch(_LIST, names)


_KEYS = Statement("SELECT spec, key FROM refused_records WHERE facility_id = :facility", _Key)
_REMEMBERED = Statement(
    """
SELECT key FROM refused_records WHERE facility_id = :facility AND spec = :spec
  AND key IN (SELECT key FROM {keys} AS v)
""",
    str,
    keys="key text",
)
_REMEMBER = Command(
    """
INSERT INTO refused_records (facility_id, spec, key, problem, n, first_at, at)
SELECT :facility, :spec, v.key, v.problem, 1, CAST(:now AS BIGINT), CAST(:now AS BIGINT) FROM {rows} AS v WHERE true
ON CONFLICT (facility_id, spec, key) DO UPDATE SET problem = excluded.problem, n = refused_records.n + 1,
  at = excluded.at
""",
    rows="key text, problem text",
)
_FORGET = Command(
    """
DELETE FROM refused_records WHERE facility_id = :facility AND spec = :spec
  AND key IN (SELECT key FROM {keys} AS v)
""",
    keys="key text",
)
_FORGET_GROUP = Command(
    "DELETE FROM refused_records WHERE facility_id = :facility AND spec = :spec AND problem = :problem"
)
_FORGET_OLD = Command("DELETE FROM refused_records WHERE at < :before")
_FORGET_ACCEPTED = Command(
    """
DELETE FROM refused_records WHERE EXISTS (
  SELECT 1 FROM deliveries AS d WHERE d.facility_id = refused_records.facility_id AND d.spec = refused_records.spec
    AND d.key = refused_records.key AND d.changed_at > refused_records.at)
"""
)
_FULL = Statement(
    "SELECT facility_id FROM refused_records GROUP BY facility_id HAVING COUNT(*) > CAST(:most AS INTEGER)", int
)
_FORGET_SURPLUS = Command(
    """
DELETE FROM refused_records WHERE facility_id = :facility AND (spec, key) IN (
  SELECT spec, key FROM refused_records WHERE facility_id = :facility ORDER BY at DESC, spec, key
  LIMIT 1000000 OFFSET CAST(:most AS INTEGER))
"""
)
_LIST = Statement(
    """
SELECT spec, key, problem, n, first_at, at FROM refused_records
WHERE facility_id = :facility AND (:spec = '' OR spec = :spec)
  AND (spec > :after_spec OR spec = :after_spec AND key > :after_key)
ORDER BY spec, key LIMIT CAST(:size AS INTEGER)
""",
    RefusedRow,
)
