"""A clinic whose worker sends to the sandbox by the shipped configuration, with short timeouts and no rate."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from sqlalchemy import text

from adapters.base import Timeouts
from engine.catalog.catalog import Catalog
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.specs.upstream import Retry
from engine.worker import Worker
from tests.engine.small_hub import OVERLOOKED

PATIENCE = 60.0
DUE = "SELECT 1 FROM deliveries WHERE due_at IS NOT NULL LIMIT 1"


def hurried(catalog: Catalog) -> Catalog:
    """Return the shipped catalog without a rate, with short timeouts and immediate retries."""
    upstreams = {
        name: replace(
            upstream,
            rate=None,
            retry=Retry(8, 0.05, 1.0, 0.05),
            profile=replace(upstream.profile, timeouts=Timeouts(2.0, 0.5)),
        )
        for name, upstream in catalog.upstreams.items()
    }
    specs = {
        name: replace(spec, upstream=upstreams[spec.upstream.name], retry=Retry(8, 0.05, 1.0, 0.05))
        for name, spec in catalog.specs.items()
    }
    return replace(catalog, specs=specs, upstreams=upstreams, code_lists={})


class WorkedClinic:
    """A clinic, and a worker that runs while the test waits for it."""

    def __init__(self, hub: Hub, facility: FacilityRow) -> None:
        self.hub, self.facility = hub, facility

    async def work(self) -> None:
        """Run the worker until nothing is due any more."""
        worker, stop = Worker(self.hub), asyncio.Event()
        working = asyncio.create_task(worker.run(stop))
        for upstream in self.hub.catalog.upstreams:
            worker.ring(Channel(upstream, self.facility.id))
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while await self.is_open():  # noqa: ASYNC110 - nobody tells the test
                    await asyncio.sleep(0.02)
        stop.set()
        await working

    async def is_open(self) -> bool:
        """Return whether something is due, or waits for what has arrived."""
        [(overlooked,)] = await self.hub.database.fetch(text(OVERLOOKED))
        return bool(overlooked or await self.hub.database.fetch(text(DUE)))
