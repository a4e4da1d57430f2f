"""Two worker processes against one, on PostgreSQL and Redis: from the first bell to the last settlement."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvloop

from bench.clinic import IN_FLIGHT, UPSTREAM, BenchClinic, clinic
from bench.cpu import cpu_seconds
from bench.options import Options
from bench.processes import PATIENCE_SECONDS, Process, configuration, environment, process
from bench.rows import Row, compared
from bench.upstream import fake_upstream
from engine.database.statements import Statement
from engine.settings import from_environment

KNOWN_MS = 3_000  # after which a worker that has started has read everything once


class State(NamedTuple):
    """Deliveries that are not sent, and connections that wait for a lock."""

    unsent: int
    waiting: int


STATE = Statement(
    """
SELECT (SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM totals WHERE status <> 'sent') AS unsent,
  (SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock') AS waiting
""",
    State,
    only="postgresql",
)
STARTED = Statement("SELECT COUNT(*) FROM workers WHERE started_at < :before", int)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one run: deliveries per second; per delivery the seconds of worker CPU and of waiting for locks."""

    rate: float
    cpu: float
    waiting: float


async def deliver(here: BenchClinic, processes: list[Process], count: int) -> Figures:
    """Release the held deliveries once the processes are up and have indexed them; return the figures."""
    await ready(here, len(processes))
    await here.until_indexed()
    spent, started = sum(cpu_seconds(worker.pid) for worker in processes), time.perf_counter()
    await here.release()
    looks = waits = 0
    unsent = 1
    while unsent:
        await asyncio.sleep(0.01)
        [(unsent, waiting)] = await here.hub.database.fetch(STATE)
        looks, waits = looks + 1, waits + waiting
    seconds = time.perf_counter() - started
    await here.hold()
    cpu = sum(cpu_seconds(worker.pid) for worker in processes) - spent
    return Figures(count / seconds, cpu / count, waits / looks * seconds / count)


async def ready(here: BenchClinic, workers: int) -> None:
    """Return when so many workers have been up for KNOWN_MS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        [started] = await here.hub.database.fetch(STARTED, {"before": here.hub.database.clock() - KNOWN_MS})
        if started == workers:
            return
        assert time.monotonic() < deadline, f"{started} of {workers} workers are there"
        await asyncio.sleep(0.05)


async def one_run(here: BenchClinic, environ: dict[str, str], workers: int, first: int, count: int) -> Figures:
    """Run with fresh processes, and delete every trace of them afterwards."""
    await here.hold()
    await here.hand_in(first, count)
    with ExitStack() as running:
        processes = [
            running.enter_context(process(environ, "admin", "worker", "--processes", "1")) for _ in range(workers)
        ]
        figures = await deliver(here, processes, count)
    return figures


async def measure(options: Options, folder: Path) -> dict[int, list[Figures]]:
    """Return figures by number of workers, alternating by round; the first to run changes."""
    figures: dict[int, list[Figures]] = {1: [], 2: []}
    with fake_upstream() as address:
        config = configuration(folder / "config", IN_FLIGHT)
        environ = environment(config, options.postgresql, options.redis, **{UPSTREAM: address})
        async with clinic(from_environment(environ)) as here:
            first = 0
            for n in range(3):
                for workers in (1, 2) if n % 2 == 0 else (2, 1):
                    figures[workers].append(await one_run(here, environ, workers, first, options.count))
                    first += options.count
    return figures


def rows(options: Options) -> Iterator[Row]:
    if not (options.postgresql and options.redis):
        return
    with TemporaryDirectory() as folder:
        one, two = uvloop.run(measure(options, Path(folder))).values()
    note = "; ".join(_explained(name, figures) for name, figures in (("one", one), ("two", two)))
    ours, theirs = [run.rate for run in two], [run.rate for run in one]
    yield compared("two workers, PostgreSQL, redis", "one worker", ours, theirs, ">= 1.7", "per s", note)
    ours, theirs = [run.cpu * 1e6 for run in two], [run.cpu * 1e6 for run in one]
    yield compared("CPU per delivery of two workers", "of one worker", ours, theirs, "<= 1.1", "us")


def _explained(name: str, figures: list[Figures]) -> str:
    cpu, waiting = (median(getattr(run, what) for run in figures) * 1e6 for what in ("cpu", "waiting"))
    return f"{name}: CPU {cpu:.0f} us and {waiting:.0f} us waiting for locks per delivery"
