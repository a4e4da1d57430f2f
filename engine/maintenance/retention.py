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
from typing import Any, Literal

import structlog
from sqlalchemy import text

from engine.catalog.catalog import Catalog
from engine.database.database import Database, as_json
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
        rows = await self._database.fetch(text(_NEXT), {"position": position, "batch": BATCH_ROWS})
        old = [row for row, at in zip(rows, _times(rows), strict=True) if at < border]
        if not old:
            return 0
        ours = [row for row in old if row.spec in walk.specs]
        gone = [row.id for row in ours if row.status in SETTLED]
        left = sorted({row.delivery_id for row in ours if row.status not in SETTLED})

        async def run(tx: Transaction) -> int:
            moved = {"name": walk.name, "before": position, "after": old[-1].id}
            if not await tx.execute(text(_MOVE), moved):
                return 0  # another worker is faster
            await self._remove(tx, walk.what, gone)
            await self._leave(tx, left)
            return len(old)

        return await self._database.write(run)

    async def _position(self, walk: Walk) -> int:
        rows = await self._database.fetch(text(_READ), {"name": walk.name})
        if rows and rows[0].policy == walk.policy:
            return int(rows[0].position)
        begin = {"name": walk.name, "policy": walk.policy}
        await self._database.write(lambda tx: tx.execute(text(_BEGIN), begin))
        return 0

    async def _settled_since(self, walks: list[Walk], now: int) -> int:
        """Remove what earlier walks left because it was not settled, for deliveries that are settled now."""
        rows = await self._database.fetch(text(_LEFT), {"batch": BATCH_ROWS})
        if not rows:
            return 0
        due = [(walk.what, row.id) for walk in walks for row in rows if _is_old(row, walk, now)]
        ids = sorted({row.delivery_id for row in rows})

        async def run(tx: Transaction) -> int:
            await self._remove(tx, "bodies", [id_ for what, id_ in due if what == "bodies"])
            await self._remove(tx, "attempts", [id_ for what, id_ in due if what == "attempts"])
            await self._let_go(tx, ids)
            return len(rows)

        return await self._database.write(run)

    async def _remove(self, tx: Transaction, what: Removable, ids: list[int]) -> None:
        if ids:
            statement = _STRIP if what == "bodies" else _DELETE
            parameters: dict[str, Any] = {"ids": as_json([[id_] for id_ in ids])}
            if what == "bodies":
                parameters["now"] = tx.now
            await tx.execute(text(statement[tx.dialect] % self._ids()), parameters)

    async def _leave(self, tx: Transaction, deliveries: list[int]) -> None:
        if deliveries:
            rows = as_json([[id_] for id_ in deliveries])
            await tx.execute(text(_LEAVE % self._ids()), {"ids": rows})

    async def _let_go(self, tx: Transaction, deliveries: list[int]) -> None:
        rows = as_json([[id_] for id_ in deliveries])
        await tx.execute(text(_LET_GO % self._ids()), {"ids": rows})

    def _ids(self) -> str:
        return self._database.rows({"id": "bigint"}, "ids")


def _times(rows: Sequence[Any]) -> list[int]:
    """Return the latest possible time of each attempt: none is younger than the next, even if the clock was ahead."""
    times = list(accumulate((row.at for row in reversed(rows)), min))
    return times[::-1]


def _is_old(row: Any, walk: Walk, now: int) -> bool:
    return row.spec in walk.specs and row.at is not None and row.at < now - walk.days * DAY_MS


_READ = "SELECT position, policy FROM retention_walks WHERE name = :name"
_BEGIN = """
INSERT INTO retention_walks (name, position, policy) VALUES (:name, 0, :policy)
ON CONFLICT (name) DO UPDATE SET position = 0, policy = excluded.policy
"""
_MOVE = "UPDATE retention_walks SET position = :after WHERE name = :name AND position = :before"
# A range of ids instead of "greater than, first n", for which PostgreSQL may read and sort the whole table.
# CROSS JOIN, here and below, keeps SQLite from beginning with the deliveries, independent of its statistics.
_NEXT = """
SELECT a.id, a.delivery_id, a.at, d.spec, d.status
FROM (
  SELECT id, delivery_id, at FROM attempts
  WHERE id BETWEEN (SELECT MIN(id) FROM attempts WHERE id > :position)
    AND (SELECT MIN(id) FROM attempts WHERE id > :position) + :batch - 1
) AS a
CROSS JOIN deliveries AS d WHERE d.id = a.delivery_id
ORDER BY a.id
"""
# The path's query string may hold patient data (a search), so it is removed with the bodies.
_STRIPPED = """
UPDATE attempts SET request = NULL, response = NULL, pruned_at = :now, path = {}
WHERE id IN (SELECT id FROM %s AS v) AND (request IS NOT NULL OR response IS NOT NULL OR path LIKE '%%?%%')
"""
_STRIP = {
    "sqlite": _STRIPPED.format("substr(path, 1, instr(path || '?', '?') - 1)"),
    "postgresql": _STRIPPED.format("split_part(path, '?', 1)"),
}
_DELETE = dict.fromkeys(("sqlite", "postgresql"), "DELETE FROM attempts WHERE id IN (SELECT id FROM %s AS v)")
_LEAVE = "INSERT INTO retention_leftovers (delivery_id) SELECT id FROM %s AS v WHERE true ON CONFLICT DO NOTHING"
_LEFT = """
SELECT l.delivery_id, a.id, a.at, l.spec
FROM (
  SELECT l.delivery_id, d.spec FROM retention_leftovers AS l CROSS JOIN deliveries AS d
  WHERE d.id = l.delivery_id AND d.status IN ('sent', 'ignored') ORDER BY l.delivery_id LIMIT :batch
) AS l
LEFT JOIN attempts AS a ON a.delivery_id = l.delivery_id
"""
_LET_GO = "DELETE FROM retention_leftovers WHERE delivery_id IN (SELECT id FROM %s AS v)"
