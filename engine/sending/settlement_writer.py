"""Collects settlements and writes them in batches; none is ever dropped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from adapters.messages import message
from engine.database.database import Database, is_away
from engine.delivery.status import Status
from engine.delivery.types import Channel, Lease, Settlement
from engine.errors import place_of
from engine.failpoints import failpoint
from engine.outbox.settle import settle
from engine.telemetry import tracing
from engine.telemetry.metrics import metrics

BATCH_SIZE = 500  # settlements that are written at once, without waiting for more
GATHER_SECONDS = 0.03  # time that fewer than BATCH_SIZE wait for more
MAX_SETTLEMENTS = 1000  # per transaction
MAX_ANSWER_BYTES = 64 * 1024 * 1024  # of the answers in one transaction
MAX_WAITING_BYTES = 256 * 1024 * 1024  # of answers that wait to be written; beyond it nothing new is claimed
MAX_PAUSE_SECONDS = 1.0  # between two tries while the database is away; short, to go on soon after it is back

log = structlog.get_logger(__name__)


class SettlementWriter:
    """Writes settlements in one task; the next batch grows while one is written, so its size follows the load."""

    def __init__(
        self, database: Database, due: Callable[[Channel], None], leases: dict[int, Lease] | None = None
    ) -> None:
        """Write to `database`; a lease leaves `leases`, which the heartbeat extends, when its batch is written."""
        self._database = database
        self._due = due
        self._leases = {} if leases is None else leases
        self._waiting: list[Settlement] = []
        self._weight = 0
        self._work = asyncio.Event()
        self._full = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, settlement: Settlement) -> None:
        """Take over one settlement; its lease ends when the last one of its batch is written."""
        if not self._waiting:
            self._idle.clear()
            self._work.set()
        self._waiting.append(settlement)
        self._weight += _weight(settlement)
        settlement.delivery.lease.outstanding -= 1
        if len(self._waiting) >= BATCH_SIZE:
            self._full.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            while not self._waiting:
                self._work.clear()
                await self._work.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), GATHER_SECONDS)
            self._full.clear()
            while self._waiting:
                await self._write(self._next())
            self._idle.set()

    def _next(self) -> list[Settlement]:
        """Take as many of the settlements that wait as one transaction may have."""
        if len(self._waiting) <= MAX_SETTLEMENTS and self._weight <= MAX_ANSWER_BYTES:
            batch, self._waiting, self._weight = self._waiting, [], 0
            return batch
        count = weight = 0
        while count < min(MAX_SETTLEMENTS, len(self._waiting)) and (not count or weight < MAX_ANSWER_BYTES):
            weight += _weight(self._waiting[count])
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._weight -= weight
        return batch

    async def room(self) -> None:
        """Return when there is memory for more answers."""
        if self._weight > MAX_WAITING_BYTES:
            await self._idle.wait()

    @property
    def is_idle(self) -> bool:
        """Return whether everything collected is written."""
        return self._idle.is_set()

    async def drained(self) -> None:
        """Return when everything collected is written."""
        await self._idle.wait()

    async def _write(self, batch: list[Settlement]) -> None:
        pause = 0.1
        while True:
            failpoint("before_settle")
            started = time.perf_counter()
            try:
                settled = await settle(self._database, batch)
                break
            except Exception as error:
                if not is_away(error) and batch != [_bare(batch[0])]:
                    await self._write_apart(batch, error)
                    return
                log.warning("settle_failed", deliveries=len(batch), again_in=pause, **place_of(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
        seconds = time.perf_counter() - started
        metrics().settled(batch, seconds)
        tracing.settled(batch, seconds)
        _log(batch)
        for lease_id in settled.ended:
            self._leases.pop(lease_id, None)
        for channel in settled.due:
            self._due(channel)

    async def _write_apart(self, batch: list[Settlement], error: Exception) -> None:
        """Halve the batch until the settlement that cannot be stored is alone, and store that one without contents."""
        if len(batch) == 1:
            log.error("settlement_unstorable", delivery=batch[0].delivery.id, **place_of(error))
            await self._write([_bare(batch[0])])
        else:
            half = len(batch) // 2
            await self._write(batch[:half])
            await self._write(batch[half:])


def _log(batch: Sequence[Settlement]) -> None:
    """Log deliveries that a person may have to mend as info, all others as debug."""
    verbose = log.is_enabled_for(logging.DEBUG)  # asked once: a call that logs nothing takes 2 us too
    for settlement in batch:
        mendable = settlement.status in (Status.FAILED, Status.UNSURE)
        if not (verbose or mendable):
            continue
        write = log.info if mendable else log.debug
        delivery, last = settlement.delivery, settlement.attempts[-1] if settlement.attempts else None
        write(
            "settled",
            delivery=delivery.id,
            facility=delivery.facility_id,
            spec=delivery.spec,
            status=settlement.status.value,
            tries=settlement.tries,
            verdict=last.verdict if last else None,
            http_status=settlement.http_status,
        )


def _weight(settlement: Settlement) -> int:
    """Return the bytes of the answers."""
    return sum([len(attempt.response or b"") for attempt in settlement.attempts])


def _bare(settlement: Settlement) -> Settlement:
    """Return the settlement without anything that came from outside."""
    delivery = settlement.delivery
    doubtful = (settlement.tried or settlement.in_doubt) and delivery.reference is None
    status = Status.UNSURE if doubtful else Status.FAILED
    return Settlement(
        delivery, status, tries=settlement.tries, tried=settlement.tried, in_doubt=doubtful, problem=_UNSTORABLE
    )


_UNSTORABLE = message("send.unstorable")
