"""Removes the bodies of attempts, and later the attempts, after their retention time; unsettled deliveries keep both.

Attempts are walked by their ids, which rise with time: each is examined once when it reaches an age, in small batches.
A batch counts only if the walk is still at the position that was read, so any worker may continue it at any time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, NamedTuple

import structlog

from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.delivery.status import Status
from engine.inbound.retention import InboundRetention
from engine.json_text import short_hash
from engine.telemetry.metrics import metrics

BATCH_ROWS = 500
REST_FACTOR = 4.0  # seconds of pause for each second of pruning: deliveries come first
SHORTEST_REST_SECONDS = 0.02
DAY_MS = 86_400_000
SETTLED = (Status.SENT, Status.IGNORED)

log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]
Removable = Literal["bodies", "attempts"]


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk through the attempts of these specs that removes `what` after `days`."""

    what: Removable
    days: int
    specs: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.what} {self.days}"

    @property
    def policy(self) -> str:
        return short_hash(sorted(self.specs))


class AttemptRetention:
    """Removes old attempts in one worker; `most` caps the days for which entries keep bodies."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        most: int | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._most = most
        self._sleep = sleep
        self._inbound = InboundRetention(database, catalog, most)

    async def tick(self, now: int | None = None) -> int:
        """Remove everything due; return the number of attempts and callers' requests that were examined.

        Ages are counted from `now` to the end, even if the clock changes meanwhile; None: the clock's present time.
        """
        now = self._database.clock() if now is None else now
        walks, examined = self.walks(), 0
        for walk in walks:
            while n := await self._paused(self._step(walk, now)):
                examined += n
        while n := await self._paused(self._settled_since(walks, now)):
            examined += n
        while n := await self._paused(self._inbound.step(now)):
            examined += n
        return examined

    def walks(self) -> list[Walk]:
        """Return a walk for each age."""
        specs_by_age: dict[tuple[Removable, int], set[str]] = {}
        for spec in self._catalog().specs.values():
            bodies = min(spec.retention.bodies, self._most or spec.retention.bodies)
            specs_by_age.setdefault(("bodies", bodies), set()).add(spec.name)
            specs_by_age.setdefault(("attempts", max(bodies, spec.retention.attempts)), set()).add(spec.name)
        return [Walk(what, days, frozenset(specs)) for (what, days), specs in sorted(specs_by_age.items())]

    async def _paused(self, work: Awaitable[int]) -> int:
        begun = time.monotonic()
        n = await work
        if n:
            metrics().pruned(n)
            await self._sleep(max(SHORTEST_REST_SECONDS, REST_FACTOR * (time.monotonic() - begun)))
        return n

    async def _step(self, walk: Walk, now: int) -> int:
        """Examine the next batch and return its size; 0 if the rest is too young."""
        position = await self._position(walk)
        border = now - walk.days * DAY_MS
        rows = await self._database.fetch(_NEXT, {"position": position, "batch": BATCH_ROWS})
        old = [row for row, at in zip(rows, _times(rows), strict=True) if at < border]
        if not old:
            return 0
        ours = [row for row in old if row.spec in walk.specs]
        gone = [row.id for row in ours if row.status in SETTLED]
        left = sorted({row.delivery_id for row in ours if row.status not in SETTLED})

        async def run(tx: Transaction) -> int:
            moved = {"name": walk.name, "before": position, "after": old[-1].id}
            if not await tx.execute(_MOVE, moved):
                return 0  # another worker is faster
            await _remove(tx, walk.what, gone)
            if left:
                await tx.execute(_LEAVE, {"ids": left})
            return len(old)

        return await self._database.write(run)

    async def _position(self, walk: Walk) -> int:
        stored = await self._database.first(_READ, {"name": walk.name})
        if stored is not None and stored.policy == walk.policy:
            return stored.position
        await self._database.execute(_BEGIN, {"name": walk.name, "policy": walk.policy})
        return 0

    async def _settled_since(self, walks: list[Walk], now: int) -> int:
        """Remove what earlier walks left because it was not settled, for deliveries that are settled now."""
        rows = await self._database.fetch(_LEFT, {"batch": BATCH_ROWS})
        if not rows:
            return 0
        due: dict[Removable, list[int]] = {"bodies": [], "attempts": []}
        for walk in walks:
            due[walk.what] += [row.id for row in rows if row.id is not None and _is_old(row, walk, now)]
        ids = sorted({row.delivery_id for row in rows})

        async def run(tx: Transaction) -> int:
            for what, attempts in due.items():
                await _remove(tx, what, attempts)
            await tx.execute(_LET_GO, {"ids": ids})
            return len(rows)

        return await self._database.write(run)


async def _remove(tx: Transaction, what: Removable, attempts: list[int]) -> None:
    if attempts and what == "bodies":
        await tx.execute(_STRIP[tx.dialect], {"ids": attempts, "now": tx.now})
    elif attempts:
        await tx.execute(_DELETE, {"ids": attempts})


def _times(rows: Sequence[_Attempt]) -> list[int]:
    """Return the latest possible time of each attempt: none is younger than the next, even if the clock was ahead."""
    times = list(accumulate((row.at for row in reversed(rows)), min))
    return times[::-1]


def _is_old(row: _Left, walk: Walk, now: int) -> bool:
    return row.spec in walk.specs and row.at is not None and row.at < now - walk.days * DAY_MS


class _WalkPosition(NamedTuple):
    """Position of a walk, and the hash of the rules under which it began."""

    position: int
    policy: str


class _Attempt(NamedTuple):
    """An attempt, with the type and the status of its delivery."""

    id: int
    delivery_id: int
    at: int
    spec: str
    status: str


class _Left(NamedTuple):
    """A delivery that is settled now, with one of its attempts; None if no attempt is left."""

    delivery_id: int
    id: int | None
    at: int | None
    spec: str


_READ = Statement("SELECT position, policy FROM retention_walks WHERE name = :name", _WalkPosition)
_BEGIN = Command(
    """
INSERT INTO retention_walks (name, position, policy) VALUES (:name, 0, :policy)
ON CONFLICT (name) DO UPDATE SET position = 0, policy = excluded.policy
"""
)
_MOVE = Command("UPDATE retention_walks SET position = :after WHERE name = :name AND position = :before")
# A range of ids instead of "greater than, first n", for which PostgreSQL may read and sort the whole table.
# CROSS JOIN, here and below, keeps SQLite from beginning with the deliveries, independent of its statistics.
_NEXT = Statement(
    """
SELECT a.id, a.delivery_id, a.at, d.spec, d.status
FROM (
  SELECT id, delivery_id, at FROM attempts
  WHERE id BETWEEN (SELECT MIN(id) FROM attempts WHERE id > :position)
    AND (SELECT MIN(id) FROM attempts WHERE id > :position) + :batch - 1
) AS a
CROSS JOIN deliveries AS d WHERE d.id = a.delivery_id
ORDER BY a.id
""",
    _Attempt,
)
# The path's query string may hold patient data (a search), so it is removed with the bodies.
_SHORT_PATH = {
    "sqlite": "substr(path, 1, instr(path || '?', '?') - 1)",
    "postgresql": "split_part(path, '?', 1)",
}
_STRIP = {
    dialect: Command(
        f"""
UPDATE attempts SET request = NULL, response = NULL, headers = NULL, pruned_at = :now, path = {path}
WHERE id IN (SELECT id FROM {{ids}} AS v) AND (request IS NOT NULL OR response IS NOT NULL OR path LIKE '%?%')
""",
        only=dialect,
        ids="id bigint",
    )
    for dialect, path in _SHORT_PATH.items()
}
_DELETE = Command("DELETE FROM attempts WHERE id IN (SELECT id FROM {ids} AS v)", ids="id bigint")
_LEAVE = Command(
    "INSERT INTO retention_leftovers (delivery_id) SELECT id FROM {ids} AS v WHERE true ON CONFLICT DO NOTHING",
    ids="id bigint",
)
_LEFT = Statement(
    """
SELECT l.delivery_id, a.id, a.at, l.spec
FROM (
  SELECT l.delivery_id, d.spec FROM retention_leftovers AS l CROSS JOIN deliveries AS d
  WHERE d.id = l.delivery_id AND d.status IN ('sent', 'ignored') ORDER BY l.delivery_id LIMIT :batch
) AS l
LEFT JOIN attempts AS a ON a.delivery_id = l.delivery_id
""",
    _Left,
)
_LET_GO = Command("DELETE FROM retention_leftovers WHERE delivery_id IN (SELECT id FROM {ids} AS v)", ids="id bigint")
