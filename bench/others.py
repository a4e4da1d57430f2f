"""Full delivery against a tuned Celery task per job with requests and a PostgreSQL row: the best of several pools."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from statistics import median
from typing import Any

import psycopg
import uvloop

from bench.celery_jobs import TABLE, TASK, make_app
from bench.clinic import clinic, plain
from bench.options import Options
from bench.processes import process, until
from bench.rows import Row, compared
from bench.upstream import fake_upstream

POOLS = (("prefork", 4), ("prefork", 8), ("threads", 8), ("threads", 16), ("gevent", 32))
TRIAL = 1_000


class Celery:
    """Jobs of a Celery worker; each run has its own process."""

    def __init__(self, options: Options, address: str) -> None:
        self._app = make_app(options.redis)
        self._settings = [options.redis, options.postgresql, address]
        self._database = psycopg.connect(options.postgresql, autocommit=True)

    def run(self, pool: str, concurrency: int, body: str, count: int) -> float:
        """Return jobs per second from first to last settlement; all are queued before the worker starts."""
        self._fill(body, count)
        with process({}, "bench.celery_jobs", *self._settings, pool, str(concurrency), quiet=True):
            until(lambda: self._one(f"SELECT COUNT(*) FROM {TABLE} WHERE settled_at IS NULL") == 0, pause=0.1)
        seconds = self._one(f"SELECT EXTRACT(epoch FROM MAX(settled_at) - MIN(settled_at)) FROM {TABLE}")
        return (count - 1) / float(seconds)

    def close(self) -> None:
        self._database.execute(f"DROP TABLE {TABLE}")
        self._database.close()
        self._app.close()

    def _fill(self, body: str, count: int) -> None:
        self._app.control.purge()
        for statement in (
            f"DROP TABLE IF EXISTS {TABLE}",
            f"CREATE TABLE {TABLE} (id BIGSERIAL PRIMARY KEY, status TEXT NOT NULL DEFAULT 'queued', "
            "body TEXT NOT NULL, reference TEXT, settled_at TIMESTAMPTZ)",
        ):
            self._database.execute(statement)
        self._database.execute(f"INSERT INTO {TABLE} (body) SELECT %s FROM generate_series(1, %s)", (body, count))
        with self._app.producer_or_acquire() as producer:
            for n in range(1, count + 1):
                self._app.send_task(TASK, args=[n], producer=producer)

    def _one(self, query: str) -> Any:
        row = self._database.execute(query).fetchone()
        return row[0]


async def measure(options: Options) -> tuple[list[float], list[float], str]:
    """Return deliveries per second of ours and of Celery, alternating by round, and the trial results of its pools."""
    with fake_upstream() as address:
        async with clinic(plain(options.postgresql, options.redis, address)) as here, here.working() as worker:
            body = (await here.finished_body()).decode()
            celery = Celery(options, address)
            tried = {pool: await asyncio.to_thread(celery.run, *pool, body, TRIAL) for pool in POOLS}
            best = max(tried, key=lambda pool: tried[pool])
            ours, theirs = [], []
            for n in range(3):
                await here.hand_in(n * options.count, options.count)
                ours.append(options.count / await here.deliver(worker))
                theirs.append(await asyncio.to_thread(celery.run, *best, body, options.count // 4))
            celery.close()
            trial = ", ".join(f"{pool} {size}: {rate:,.0f}" for (pool, size), rate in tried.items())
            return ours, theirs, f"Celery's best of ({trial}): {median(theirs):,.0f} per s"


def rows(options: Options) -> Iterator[Row]:
    if options.postgresql and options.redis:
        ours, theirs, note = uvloop.run(measure(options))
        yield compared(
            "full delivery, PostgreSQL, redis", "Celery task, requests, row", ours, theirs, ">= 12", "per s", note
        )
