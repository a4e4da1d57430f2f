"""How fast deliveries go, from the newest attempts: their ids rise with time, so that nothing need be counted."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from sqlalchemy import text

from adapters.base import Verdict
from engine.database.database import Database

SAMPLE_ATTEMPTS = 1_000  # so many of the newest attempts are looked at
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Latency:
    """How an upstream answered the requests of the sample: milliseconds, and how many of them it took."""

    requests: int
    accepted: int
    median: float
    slow: float  # nineteen of twenty answers came sooner


@dataclass(frozen=True, slots=True)
class Throughput:
    """Attempts of all facilities, and the latency by upstream."""

    last_hour: int
    last_day: int
    latency: dict[str, Latency]


async def throughput(database: Database) -> Throughput:
    """Costs the same however many attempts there are."""
    now = database.clock()
    hour, day = [await _since(database, now - span) for span in (HOUR_MS, DAY_MS)]
    rows = await database.fetch(text(_NEWEST), {"sample": SAMPLE_ATTEMPTS})
    upstreams = sorted({row.upstream for row in rows})
    return Throughput(hour, day, {name: _latency([row for row in rows if row.upstream == name]) for name in upstreams})


async def _since(database: Database, at: int) -> int:
    """How many attempts began at that time or later."""
    [(place, first, last)] = await database.fetch(text(_LAST_BEFORE), {"at": at})
    return 0 if last is None else last - max(place, first - 1)


def _latency(rows: list[Any]) -> Latency:
    times = sorted(row.milliseconds for row in rows)
    slow = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    return Latency(len(times), sum(row.verdict == Verdict.ACCEPTED for row in rows), median(times), slow)


# Some forty look-ups, no scan: `place` climbs in halving steps to the last id before that time.
_LAST_BEFORE = """
WITH RECURSIVE climb(place, step) AS (
  SELECT CAST(0 AS BIGINT), CAST(1099511627776 AS BIGINT)
  UNION ALL
  SELECT CASE WHEN (SELECT a.at FROM attempts AS a WHERE a.id >= place + step ORDER BY a.id LIMIT 1) < :at
    THEN place + step ELSE place END, step / 2
  FROM climb WHERE step > 0
)
SELECT MAX(place), (SELECT MIN(id) FROM attempts), (SELECT MAX(id) FROM attempts) FROM climb
"""
_NEWEST = """
SELECT d.upstream, a.milliseconds, a.verdict
FROM (SELECT delivery_id, milliseconds, verdict, operation FROM attempts ORDER BY id DESC LIMIT :sample) AS a
JOIN deliveries AS d ON d.id = a.delivery_id
WHERE a.operation IN ('create', 'update', 'find')
"""
