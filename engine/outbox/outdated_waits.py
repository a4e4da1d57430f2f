"""Releases deliveries that wait because of a need which their type had in an earlier configuration."""

from __future__ import annotations

from collections.abc import Iterable

from engine.database.database import Database
from engine.database.statements import Statement
from engine.delivery.types import Channel
from engine.outbox.waits import ArrivedRecord, release_and_count
from engine.specs.record_type import Spec


async def release_outdated(database: Database, specs: Iterable[Spec]) -> set[Channel]:
    """Release waits by needs that are not in the configuration; a delivery that has to wait is blocked again."""
    needs = [[*pair, int(several)] for pair, several in _needs(specs).items()]
    outdated = await database.fetch(_OUTDATED, {"needs": needs})
    return await database.write(release_and_count, outdated) if outdated else set()


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


# CROSS JOIN: SQLite then begins with the waits, even with wrong statistics of the deliveries.
# Types that are not in the configuration at all are left alone: that may be a mistake which is soon mended.
_OUTDATED = Statement(
    """
SELECT DISTINCT w.facility_id, w.spec, w.key FROM waits AS w CROSS JOIN deliveries AS d
WHERE d.id = w.delivery_id AND d.spec IN (SELECT n.spec FROM {needs} AS n) AND NOT EXISTS (
  SELECT 1 FROM {needs} AS n
  WHERE n.spec = d.spec AND n.needed = w.spec AND w.alternative = (n.alternative = 1)
)
""",
    ArrivedRecord,
    needs="spec text, needed text, alternative smallint",
)
