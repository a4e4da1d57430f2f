"""Cost of a run: deliveries per second, and CPU of this process and of PostgreSQL per delivery."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import NamedTuple

from bench.cpu import backend_seconds, cpu_seconds
from engine.database.database import Database
from engine.database.statements import Statement

BACKENDS = Statement("SELECT pid FROM pg_stat_activity WHERE datname = current_database()", int, only="postgresql")


class Cost(NamedTuple):
    """Deliveries per second of wall time, and microseconds of CPU per delivery."""

    rate: float
    process: float
    postgresql: float

    @property
    def cpu(self) -> float:
        """CPU of process and database together."""
        return self.process + self.postgresql


async def cost(database: Database, count: int, run: Callable[[], Awaitable[float]]) -> Cost:
    """Return the cost of a run of `count` deliveries; `run` returns its seconds."""
    own, theirs = cpu_seconds(), await _backends(database)
    seconds = await run()
    own, theirs = cpu_seconds() - own, await _backends(database) - theirs
    return Cost(count / seconds, own / count * 1e6, theirs / count * 1e6)


async def _backends(database: Database) -> float:
    return backend_seconds(await database.fetch(BACKENDS)) if database.dialect == "postgresql" else 0.0


def rates(costs: Sequence[Cost]) -> list[float]:
    return [each.rate for each in costs]


def in_words(what: str, costs: Sequence[Cost]) -> str:
    """Return the medians of several runs as a note."""
    rate, process, postgresql = (median(column) for column in zip(*costs, strict=True))
    database = f" + {postgresql:.0f}" if postgresql else ""
    return f"{what}: {rate:,.0f} per s, CPU {process:.0f}{database} us"
