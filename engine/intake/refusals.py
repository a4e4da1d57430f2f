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
LOOK_MS = 2_000  # for which a process believes that a clinic has no refused records


class RefusedRow(NamedTuple):
    """A refused record; `n` is how often in a row it was refused, from `first_at` to `at` (epoch ms)."""

    spec: str
    key: str
    problem: str
    n: int
    first_at: int
    at: int


class Refusals:
    """The refused records of all clinics. Accepting costs no query while a clinic has none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._none_until: dict[int, int] = {}  # facility -> until when it is believed to have none

    async def note(self, facility_id: int, spec: str, results: Sequence[Accepted | Refused]) -> None:
        """Remember what was refused, and forget what was accepted."""
        refused = [one for one in results if isinstance(one, Refused)]
        accepted = [one.key for one in results if isinstance(one, Accepted)]
        if not refused and not await self._may_have(facility_id):
            return
        rows = {(one.key or ""): together([refusal_text(problem) for problem in one.problems]) for one in refused}
        if rows:
            self._none_until.pop(facility_id, None)
        names = {"facility": facility_id, "spec": spec}
        stored = [[key, problem] for key, problem in rows.items()]
        over = await self._remembered(names, [key for key in accepted if key not in rows])
        if stored or over:
            await self._database.write(_write, names, stored, over)

    async def _remembered(self, names: dict[str, object], keys: list[str]) -> list[str]:
        """Return which of the keys were refused before."""
        return await self._database.fetch(_REMEMBERED, {**names, "keys": keys}) if keys else []

    async def _may_have(self, facility_id: int) -> bool:
        now = self._database.clock()
        if self._none_until.get(facility_id, 0) - now > 0:
            return False
        if await self._database.first(_ANY, {"facility": facility_id}) is not None:
            return True
        self._none_until[facility_id] = now + LOOK_MS
        return False


async def _write(tx: Transaction, names: dict[str, object], refused: list[list[str]], accepted: list[str]) -> None:
    if refused:
        await tx.execute(_REMEMBER, {**names, "rows": refused, "now": tx.now})
    if accepted:
        await tx.execute(_FORGET, {**names, "keys": accepted})


async def forget_group(database: Database, facility_id: int, spec: str, problem: str) -> int:
    """Forget the refused records of a type with the same problem; return how many."""
    names = {"facility": facility_id, "spec": spec, "problem": problem}
    return await database.write(Transaction.execute, _FORGET_GROUP, names)


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


_ANY = Statement("SELECT 1 FROM refused_records WHERE facility_id = :facility LIMIT 1", int)
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
