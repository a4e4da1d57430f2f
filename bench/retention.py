"""Pruning of bodies: its speed alone, and its cost to deliveries beside it (`python -m bench.retention`)."""

from __future__ import annotations

import time
from tempfile import TemporaryDirectory

import uvloop

from bench.clinic import BenchClinic, clinic, no_pause, plain
from bench.options import Options
from bench.rows import compared
from bench.upstream import fake_upstream
from engine.database.statements import Command, Statement
from engine.hub import Hub
from engine.maintenance.retention import DAY_MS, AttemptRetention

OLD_ATTEMPTS = 200_000  # with bodies that are due for pruning
COLUMNS = (
    "delivery_id, facility_id, milliseconds, operation, trigger, spec_hash, version, method, path, request, "
    "http_status, code, verdict, message, response, at"
)
COPY = Command(
    f"""
INSERT INTO attempts ({COLUMNS}) SELECT {COLUMNS}
FROM (SELECT * FROM attempts ORDER BY id DESC LIMIT 1) AS a CROSS JOIN
  (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n) SELECT i FROM n) AS many
"""
)
AGE = Command(f"UPDATE attempts SET at = at - {100 * DAY_MS}")
PRUNED = Statement("SELECT COUNT(*) FROM attempts WHERE pruned_at IS NOT NULL", int)


async def age(hub: Hub) -> None:
    """Make all attempts so far old, and multiply them."""
    await hub.database.execute(COPY, {"n": OLD_ATTEMPTS})
    await hub.database.execute(AGE)


async def rates(here: BenchClinic, first: int, count: int, rounds: int) -> list[float]:
    rates = []
    async with here.working() as worker:
        for n in range(rounds):
            await here.hand_in(first + n * count, count)
            rates.append(count / await here.deliver(worker))
    return rates


async def measure(database_url: str, count: int, rounds: int) -> tuple[list[float], list[float], float, int]:
    """Return deliveries per second with and without pruning by the worker, attempts pruned per second alone,
    and the number pruned beside the deliveries.
    """
    with fake_upstream() as address:
        async with clinic(plain(database_url, address=address)) as here:
            hub = here.hub
            alone = await rates(here, 0, count, rounds)
            await age(hub)
            beside = await rates(here, rounds * count, count, rounds)
            [before] = await hub.database.fetch(PRUNED)
            started = time.perf_counter()
            looked_at = await AttemptRetention(hub.database, lambda: hub.catalog, sleep=no_pause).tick()
            seconds = time.perf_counter() - started
            return beside, alone, looked_at / seconds, before


def main(count: int = 5_000, rounds: int = 3) -> None:
    with TemporaryDirectory() as folder:
        for name, url in Options().databases(folder).items():
            beside, alone, pruned, meanwhile = uvloop.run(measure(url, count, rounds))
            note = f"bodies pruned alone: {pruned:,.0f} per s; {meanwhile:,} beside the deliveries"
            print(compared(f"delivery beside pruning, {name}", "delivery", beside, alone, ">= 0.8", "per s", note))


if __name__ == "__main__":
    main()
