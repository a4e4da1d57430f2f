"""Releases deliveries that wait because of a need which their type had in an earlier configuration."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from engine.database.database import Database, as_json
from engine.database.transaction import Transaction
from engine.delivery.types import Channel
from engine.outbox import counters
from engine.outbox.settle import release
from engine.specs.record_type import Spec


async def release_outdated(database: Database, specs: Iterable[Spec]) -> set[Channel]:
    """Release waits by needs that are not in the configuration; a delivery that has to wait is blocked again."""
    needs = [[*pair, int(several)] for pair, several in _needs(specs).items()]
    columns = {"spec": "text", "needed": "text", "alternative": "smallint"}
    query = text(_OUTDATED % {"needs": database.rows(columns, "needs")})
    outdated = [tuple(row) for row in await database.fetch(query, {"needs": as_json(needs)})]
    if not outdated:
        return set()

    async def run(tx: Transaction) -> set[Channel]:
        deltas = counters.Deltas()
        due = await release(tx, outdated, deltas)
        await counters.apply(tx, deltas)
        return due

    return await database.write(run)


def _needs(specs: Iterable[Spec]) -> dict[tuple[str, str], bool]:
    """Return (type, needed type) -> True if some need names the needed type beside others.

    A wait for that type alone may then come from an earlier configuration.
    """
    needs: dict[tuple[str, str], bool] = {}
    for spec in specs:
        for need in spec.needs:
            for needed in need.specs:
                pair = spec.name, needed
                needs[pair] = needs.get(pair, False) or len(need.specs) > 1
    return needs


# CROSS JOIN: SQLite then begins with the waits, whatever its statistics say about the deliveries.
# Types that are not in the configuration at all are left alone: that may be a mistake which is soon mended.
_OUTDATED = """
SELECT DISTINCT w.facility_id, w.spec, w.key FROM waits AS w CROSS JOIN deliveries AS d
WHERE d.id = w.delivery_id AND d.spec IN (SELECT n.spec FROM %(needs)s AS n) AND NOT EXISTS (
  SELECT 1 FROM %(needs)s AS n
  WHERE n.spec = d.spec AND n.needed = w.spec AND w.alternative = (n.alternative = 1)
)
"""
