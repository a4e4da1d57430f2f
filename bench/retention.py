"""Pruning of bodies: how fast alone, and what it takes from deliveries beside it (`python -m bench.retention`)."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from tempfile import TemporaryDirectory

import structlog
import uvloop
from sqlalchemy import text

from bench.delivery import full_loop, hand_in, open_hub
from bench.rows import Row, median_ratio
from bench.upstream import fake_upstream
from engine.facilities import FacilityRow
from engine.hub import Hub
from engine.retention import DAY, Retention

OLD = 200_000
"""Attempts with bodies whose time is over."""


async def no_rest(_: float) -> None:
    await asyncio.sleep(0)


async def age(hub: Hub) -> None:
    """All attempts so far become old, and many more of the kind."""
    columns = "delivery_id, facility_id, milliseconds, operation, trigger, spec_hash, version, method, path, request, "
    columns += "http_status, code, verdict, message, response, at"
    numbers = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n) SELECT i FROM n) AS many"
    newest = "(SELECT * FROM attempts ORDER BY id DESC LIMIT 1) AS a"
    copy = text(f"INSERT INTO attempts ({columns}) SELECT {columns} FROM {newest} CROSS JOIN {numbers}")
    older = text(f"UPDATE attempts SET at = at - {100 * DAY}")
    await hub.database.write(lambda connection: connection.execute(copy, {"n": OLD}))
    await hub.database.write(lambda connection: connection.execute(older))


async def rates(hub: Hub, facility: FacilityRow, first: int, count: int, rounds: int) -> list[float]:
    found = []
    for n in range(rounds):
        await hand_in(hub, facility, first + n * count, count)
        found.append(await full_loop(hub, facility, count))
    return found


async def measure(database_url: str, count: int, rounds: int) -> tuple[list[float], list[float], float, int]:
    """Deliveries per second with and without something to prune, which the worker does by itself; attempts that are
    pruned per second alone, and how many were beside the deliveries."""
    with fake_upstream() as address:
        hub, facility = await open_hub(database_url, "memory://", address)
        alone = await rates(hub, facility, 0, count, rounds)
        await age(hub)
        beside = await rates(hub, facility, rounds * count, count, rounds)
        [(before,)] = await hub.database.fetch(text("SELECT COUNT(*) FROM attempts WHERE pruned_at IS NOT NULL"))
        started = time.perf_counter()
        looked_at = await Retention(hub.database, lambda: hub.catalog, sleep=no_rest).tick()
        seconds = time.perf_counter() - started
        await hub.close()
        return beside, alone, looked_at / seconds, int(before)


def main(count: int = 5_000, rounds: int = 3) -> None:
    logging.disable(logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with TemporaryDirectory() as folder:
        databases = {"SQLite": f"sqlite:///{folder}/bench.sqlite3"}
        if url := os.environ.get("ANTAR_TEST_DATABASE_URL", ""):
            databases["PostgreSQL"] = url
        for name, url in databases.items():
            beside, alone, pruned, meanwhile = uvloop.run(measure(url, count, rounds))
            ratio = median_ratio(beside, alone)
            print(Row(f"delivery beside pruning, {name}", "delivery", ratio, ">= 0.8", max(beside), "per s"))
            print(f"  bodies pruned alone: {pruned:,.0f} per s; {meanwhile:,} beside the deliveries")


if __name__ == "__main__":
    main()
