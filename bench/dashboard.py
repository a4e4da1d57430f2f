"""Dashboard reads from totals and daily counters, against GROUP BY over the deliveries themselves."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from statistics import median
from typing import NamedTuple

import psycopg
import uvloop

from bench.clinic import clinic, plain
from bench.options import Options
from bench.rows import Row, median_ratio
from engine.database.statements import Statement
from engine.outbox import counters

DAYS = 1_096
SINCE, UNTIL = "2025-06-01", "2025-06-30"
READS_PER_ROUND = 20  # the median counts, because a single read is too short to time

FILL = """
INSERT INTO deliveries (facility_id, spec, upstream, key, date, record, record_hash, version, status, in_doubt, lane,
  tries, deaths, trigger, created_at, changed_at)
SELECT %(facility)s, (%(specs)s::text[])[1 + n %% cardinality(%(specs)s::text[])], 'satusehat', 'K' || n,
  to_char(DATE '2023-01-01' + (n::bigint * %(days)s / %(many)s)::int, 'YYYY-MM-DD'), '{}', 'bench', 1,
  CASE WHEN n %% 100 < 97 THEN 'sent' WHEN n %% 100 < 99 THEN 'failed' ELSE 'blocked' END, false, 0, 1, 0, 'auto', 0, 0
FROM generate_series(1, %(many)s) AS n
"""
# Created again after filling, which costs a tenth of maintaining them meanwhile.
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'deliveries' AND indexname LIKE 'ix_%'"
COUNT = """
INSERT INTO counters (facility_id, date, spec, status, n)
SELECT facility_id, date, spec, status, COUNT(*) FROM deliveries GROUP BY 1, 2, 3, 4
"""
TOTAL = """
INSERT INTO totals (facility_id, spec, status, n)
SELECT facility_id, spec, status, SUM(n) FROM counters GROUP BY 1, 2, 3
"""


class Group(NamedTuple):
    spec: str
    status: str
    n: int


_GROUPED = "SELECT spec, status, COUNT(*) AS n FROM deliveries WHERE facility_id = :facility%s GROUP BY spec, status"
GROUPED = Statement(_GROUPED % "", Group)
GROUPED_DAYS = Statement(_GROUPED % " AND date BETWEEN :since AND :until", Group)


def fill(database_url: str, facility: int, specs: list[str], many: int) -> None:
    """Insert `many` narrow deliveries of three years with their counters, and vacuum."""
    with psycopg.connect(database_url, autocommit=True) as database:
        with database.transaction():
            database.execute("TRUNCATE deliveries, counters, totals CASCADE")
            database.execute("SET LOCAL maintenance_work_mem = '512MB'")
            indexes = database.execute(INDEXES).fetchall()
            for name, _ in indexes:
                database.execute(f"DROP INDEX {name}")
            database.execute(FILL, {"facility": facility, "specs": specs, "days": DAYS, "many": many})
            for _, statement in indexes:
                database.execute(statement)
            database.execute(COUNT)
            database.execute(TOTAL)
        for table in ("deliveries", "counters", "totals"):
            database.execute(f"VACUUM ANALYZE {table}")


async def milliseconds(read: Callable[[], Awaitable[object]], times: int = 1) -> float:
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        await read()
        spent.append((time.perf_counter() - started) * 1e3)
    return median(spent)


async def measure(options: Options, many: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return milliseconds of grouping and of reading counters, over all dates and over a month, alternating."""
    async with clinic(plain(options.postgresql)) as here:
        database, facility = here.hub.database, here.facility.id
        fill(options.postgresql, facility, sorted(here.hub.catalog.specs), many)

        month = {"facility": facility, "since": SINCE, "until": UNTIL}
        figures: dict[str, tuple[list[float], list[float]]] = {
            "all dates, totals": ([], []),
            "30 days, counters": ([], []),
        }
        for _ in range(options.rounds):
            slow, quick = figures["all dates, totals"]
            slow.append(await milliseconds(lambda: database.fetch(GROUPED, {"facility": facility})))
            quick.append(await milliseconds(lambda: counters.read(database, facility), READS_PER_ROUND))
            slow, quick = figures["30 days, counters"]
            slow.append(await milliseconds(lambda: database.fetch(GROUPED_DAYS, month)))
            quick.append(await milliseconds(lambda: counters.read(database, facility, SINCE, UNTIL), READS_PER_ROUND))
        return figures


def rows(options: Options) -> Iterator[Row]:
    """Yield one row per period; the goals are for ten million rows and shrink with fewer."""
    if not options.postgresql:
        return
    many = options.many
    figures = uvloop.run(measure(options, many))
    for (name, (slow, quick)), goal in zip(figures.items(), (1_000, 30), strict=True):
        what, against = f"dashboard over {name}", f"GROUP BY over {many:,}, PostgreSQL"
        goal_here = f">= {goal * many / 10_000_000:g}"
        note = f"GROUP BY {median(slow):.1f} ms; the goal at 10,000,000 is {goal:,}"
        yield Row(what, against, median_ratio(slow, quick), goal_here, median(quick), "ms", note)
