"""Throughput and latency from the newest attempts. Attempt ids rise with time, so that no rows need to be counted."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median, quantiles
from typing import NamedTuple

from adapters.base import Verdict
from engine.database.database import Database
from engine.database.statements import Statement

SAMPLE_ATTEMPTS = 1_000  # newest attempts from which the latency is computed
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Latency:
    """Response times of an upstream in milliseconds, and how many requests of the sample it accepted."""

    requests: int
    accepted: int
    median: float
    slow: float  # 95th percentile


@dataclass(frozen=True, slots=True)
class Throughput:
    """Attempts of all facilities, and the latency by upstream."""

    last_hour: int
    last_day: int
    latency: dict[str, Latency]


async def throughput(database: Database) -> Throughput:
    """Return the throughput; the cost does not depend on the number of attempts."""
    now = database.clock()
    hour, day = [await _since(database, now - span) for span in (HOUR_MS, DAY_MS)]
    rows = await database.fetch(_NEWEST, {"sample": SAMPLE_ATTEMPTS})
    upstreams = sorted({row.upstream for row in rows})
    return Throughput(hour, day, {name: _latency([row for row in rows if row.upstream == name]) for name in upstreams})


async def _since(database: Database, at: int) -> int:
    """Return how many attempts began at that time or later."""
    [(place, first, last)] = await database.fetch(_LAST_BEFORE, {"at": at})
    return 0 if first is None or last is None else last - max(place, first - 1)


def _latency(rows: list[_Answered]) -> Latency:
    times = sorted(row.milliseconds for row in rows)
    slow = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    return Latency(len(times), sum(row.verdict == Verdict.ACCEPTED for row in rows), median(times), slow)


class _Ids(NamedTuple):
    """Ids of attempts: the last before some time (0: none), the first and the last of all."""

    place: int
    first: int | None
    last: int | None


class _Answered(NamedTuple):
    """An attempt that an upstream answered."""

    upstream: str
    milliseconds: int
    verdict: str


# About forty look-ups instead of a scan: `place` climbs in halving steps to the last id before that time.
_LAST_BEFORE = Statement(
    """
WITH RECURSIVE climb(place, step) AS (
  SELECT CAST(0 AS BIGINT), CAST(1099511627776 AS BIGINT)
  UNION ALL
  SELECT CASE WHEN (SELECT a.at FROM attempts AS a WHERE a.id >= place + step ORDER BY a.id LIMIT 1) < :at
    THEN place + step ELSE place END, step / 2
  FROM climb WHERE step > 0
)
SELECT MAX(place) AS place, (SELECT MIN(id) FROM attempts) AS first, (SELECT MAX(id) FROM attempts) AS last FROM climb
""",
    _Ids,
)
_NEWEST = Statement(
    """
SELECT d.upstream, a.milliseconds, a.verdict
FROM (SELECT delivery_id, milliseconds, verdict, operation FROM attempts ORDER BY id DESC LIMIT :sample) AS a
JOIN deliveries AS d ON d.id = a.delivery_id
WHERE a.operation IN ('create', 'update', 'find')
""",
    _Answered,
)
