"""Entering records in the indexes of lists and visits, which workers do a moment after intake, against the intake."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from tempfile import TemporaryDirectory
from typing import NamedTuple

import uvloop

from bench.clinic import clinic, no_pause, plain
from bench.cost import Cost, cost, in_words
from bench.options import Options
from bench.rows import Row, compared
from engine.maintenance.list_indexing import ListIndexing
from engine.maintenance.visit_review import VisitReview


class Costs(NamedTuple):
    """Costs per record, by round: of storing it, of the index of lists, and of the review of its visit."""

    intake: list[Cost]
    lists: list[Cost]
    visits: list[Cost]


def rows(options: Options) -> Iterator[Row]:
    """Yield one row per database; each record is a visit of its own, which makes the review as dear as it can be."""
    with TemporaryDirectory() as folder:
        for name, url in options.databases(folder).items():
            costs = uvloop.run(_measure(url, options.count // 2, options.rounds))
            note = "; ".join(in_words(*each) for each in zip(costs._fields, costs, strict=True))
            later = [lists.cpu + visits.cpu for lists, visits in zip(costs.lists, costs.visits, strict=True)]
            stored = [each.cpu for each in costs.intake]
            yield compared(f"CPU of the indexes, {name}", "intake in batches", later, stored, "", "us", note)


async def _measure(database_url: str, count: int, rounds: int) -> Costs:
    async with clinic(plain(database_url)) as here:
        database, costs = here.hub.database, Costs([], [], [])
        index = ListIndexing(database, lambda: here.hub.catalog, here.hub.vault, no_pause).tick
        review = VisitReview(database, lambda: here.hub.catalog, no_pause).tick
        await index()  # what the clinic itself brought
        await review()
        for n in range(rounds):
            costs.intake.append(await cost(database, count, _timed(partial(here.hand_in, n * count, count))))
            costs.lists.append(await cost(database, count, _timed(index)))
            costs.visits.append(await cost(database, count, _timed(review)))
        return costs


def _timed(work: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[float]]:
    """Return the work as one that returns its seconds."""

    async def run() -> float:
        started = time.perf_counter()
        await work()
        return time.perf_counter() - started

    return run
