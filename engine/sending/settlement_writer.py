"""Gathers what became of deliveries and writes it in batches; nothing gathered is ever dropped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from engine.database.database import Database, is_away
from engine.delivery.status import Status
from engine.delivery.types import Channel, Lease, Settlement
from engine.errors import place_of
from engine.failpoints import failpoint
from engine.outbox.settle import settle
from engine.telemetry import tracing
from engine.telemetry.metrics import metrics

BATCH = 200  # Settlements that are written as soon as they have gathered
GATHER = 0.03  # Seconds that fewer than BATCH wait for company
MOST, HEAVIEST = 1000, 64 * 1024 * 1024  # Settlements per transaction at most, and bytes of their answers
ROOM = 256 * 1024 * 1024  # Bytes of answers that may wait to be written; beyond it nothing new is claimed
LONGEST_PAUSE = 1.0  # Seconds between two tries while the database is away: soon after it is back all goes on

log = structlog.get_logger(__name__)


class SettlementWriter:
    """One task writes; while it writes the next batch gathers, so that batches grow with the load by themselves."""

    def __init__(
        self, database: Database, due: Callable[[Channel], None], leases: dict[int, Lease] | None = None
    ) -> None:
        """`leases` are those that are kept alive: one leaves them when the last of its batch is written."""
        self._database = database
        self._due = due
        self._leases = {} if leases is None else leases
        self._gathered: list[Settlement] = []
        self._weight = 0
        self._ended: list[Lease] = []
        self._work = asyncio.Event()
        self._full = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def put(self, settlement: Settlement) -> None:
        """Take over one settlement; its lease ends with the last of its batch."""
        self._gathered.append(settlement)
        self._weight += _weight(settlement)
        lease = settlement.delivery.lease
        lease.outstanding -= 1
        if lease.outstanding == 0:
            self._ended.append(lease)
        self._idle.clear()
        self._work.set()
        if len(self._gathered) >= BATCH:
            self._full.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), GATHER)
            self._full.clear()
            while self._gathered:
                batch = self._next()
                ended, self._ended = ([], self._ended) if self._gathered else (self._ended, [])
                await self._write(batch, ended)
            self._idle.set()

    def _next(self) -> list[Settlement]:
        count = weight = 0
        while count < min(MOST, len(self._gathered)) and (not count or weight < HEAVIEST):
            weight += _weight(self._gathered[count])
            count += 1
        batch, self._gathered = self._gathered[:count], self._gathered[count:]
        self._weight -= weight
        return batch

    async def room(self) -> None:
        """Return when there is memory for more answers."""
        if self._weight > ROOM:
            await self._idle.wait()

    @property
    def is_idle(self) -> bool:
        """Whether everything gathered is written."""
        return self._idle.is_set()

    async def drained(self) -> None:
        """Return when everything gathered is written."""
        await self._idle.wait()

    async def _write(self, batch: list[Settlement], ended: list[Lease]) -> None:
        pause = 0.1
        while True:
            failpoint("before_settle")
            started = time.perf_counter()
            try:
                due = await settle(self._database, batch, ended)
                break
            except Exception as error:
                if not is_away(error) and batch != [_bare(batch[0])]:
                    await self._write_apart(batch, ended, error)
                    return
                log.warning("settle_failed", deliveries=len(batch), again_in=pause, **place_of(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        seconds = time.perf_counter() - started
        metrics().settled(batch, seconds)
        tracing.settled(batch, seconds)
        for settlement in batch:
            _tell(settlement)
        for lease in ended:
            self._leases.pop(lease.id, None)
        for channel in due:
            self._due(channel)

    async def _write_apart(self, batch: list[Settlement], ended: list[Lease], error: Exception) -> None:
        """One of them cannot be stored: halve until it stands alone, and of that keep what a person must know."""
        if len(batch) == 1:
            log.error("settlement_unstorable", delivery=batch[0].delivery.id, **place_of(error))
            await self._write([_bare(batch[0])], ended)
        else:
            half = len(batch) // 2
            await self._write(batch[:half], [])
            await self._write(batch[half:], ended)


def _tell(settlement: Settlement) -> None:
    """What a person may have to mend is worth a line; all else is for whoever debugs."""
    write = log.info if settlement.status in (Status.FAILED, Status.UNSURE) else log.debug
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
    return sum(len(attempt.response or b"") for attempt in settlement.attempts)


def _bare(settlement: Settlement) -> Settlement:
    """The settlement without anything that came from outside."""
    delivery = settlement.delivery
    doubtful = (settlement.tried or settlement.in_doubt) and delivery.reference is None
    status = Status.UNSURE if doubtful else Status.FAILED
    return Settlement(
        delivery, status, tries=settlement.tries, tried=settlement.tried, in_doubt=doubtful, problem=_UNSTORABLE
    )


_UNSTORABLE = "Hasil pengiriman tidak dapat disimpan; periksa di sistem tujuan sebelum mengirim ulang."
