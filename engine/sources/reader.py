"""Reads the due sources of all clinics in one worker; a lease keeps two workers from reading the same one at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from adapters.his_database.connection import HisConnection, connected
from adapters.his_database.faults import FaultKind, HisFault
from adapters.messages import at, message
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.delivery.status import Lane, Status
from engine.errors import VaultError, place_of
from engine.facilities.cache import FacilityCache
from engine.facilities.facilities import FacilityRow, credentials
from engine.facilities.vault import Vault
from engine.failpoints import failpoint
from engine.intake.intake import Intake
from engine.keyed_tasks import KeyedTasks
from engine.outbox import counters
from engine.sources import schedule
from engine.sources.keys import read_keys, until_night
from engine.sources.ledger import Ledger
from engine.sources.missing import TooManyGone
from engine.sources.records import SourceReading
from engine.sources.retention import LedgerRetention, is_due
from engine.sources.round import KnownRows, Round, Span
from engine.sources.schedule import DueRound, LeaseLost, RoundResult, SourceKey, SourceLease
from engine.sources.states import keep_rounds
from engine.sources.watermark import WatermarkRound
from engine.specs.his_source import KEYS_DAYS, HisSource, SourceRead, Watermark
from engine.telemetry.metrics import metrics
from engine.templates.template import TemplateError

MAX_SOURCES = 4  # that one worker reads at once
MAX_QUEUED = 20_000  # deliveries of a clinic that are queued, above which only the hottest window is read
IDLE_SHARE = 10  # a round by watermark that brings nothing new takes at most one part in so many of the time
BACK_PRESSURE_MS = 300_000  # for which the other windows then wait
# Faults of the whole database, after which no other read is tried.
OF_ALL_READS = {FaultKind.AWAY, FaultKind.ENTRY, FaultKind.REFUSED, FaultKind.DATABASE, FaultKind.DRIVER}
NO_CREDENTIALS = "credentials"  # fault of a source whose credentials are not entered, or cannot be opened
TEMPLATE = "template"  # fault of a source whose bounds cannot be rendered
MANY_GONE = "many_gone"  # fault of a source of which too many rows have disappeared at once

log = structlog.get_logger(__name__)


def _broke(key: SourceKey, error: BaseException) -> None:  # its lease ends, and the next worker tries again
    log.warning("source_broke", source=key.source, facility=key.facility_id, **place_of(error))


class SourceReader:
    """Reads the sources that are due."""

    def __init__(
        self,
        database: Database,
        catalog: Callable[[], Catalog],
        facilities: FacilityCache,
        vault: Vault,
        intake: Intake,
        holder: str,
    ) -> None:
        self._database, self._catalog, self._facilities = database, catalog, facilities
        self._vault, self._intake, self._holder = vault, intake, holder
        self._kept_for = ""  # hash of the configuration by which the rounds were declared
        self._known_rows = KnownRows()
        self._may_hold = False
        self._running = KeyedTasks[SourceKey](_broke)

    async def tick(self) -> None:
        """Begin to read what is due; one query if nothing is."""
        catalog = self._catalog()
        if self._kept_for != catalog.hash:
            await keep_rounds(self._database, list(catalog.sources.values()))
            self._kept_for = catalog.hash
        if not catalog.sources:
            return
        for key in await schedule.due_sources(self._database, self._holder):
            if key.source in catalog.sources and key not in self._running and len(self._running) < MAX_SOURCES:
                self._running.begin(key, self._read(key, catalog.sources[key.source]))

    async def idle(self) -> None:
        """Return when nothing is being read."""
        await self._running.idle()

    async def stop(self) -> None:
        """End all reading; another worker may go on at once."""
        await self._running.cancel()
        if self._may_hold:
            with suppress(SQLAlchemyError, OSError):  # a database that is away must not hold up the worker's end
                await schedule.leave(self._database, self._holder)

    async def _read(self, key: SourceKey, source: HisSource) -> None:
        self._may_hold = True  # even if it ends while the lease is being written
        try:
            held = await schedule.lease(self._database, key, self._holder, source.patience)
            facility = await self._facilities.one(key.facility_id)
            if held is not None and held.before != self._holder:
                self._known_rows.forget(key)
            if held is not None and facility is not None:
                await self._read_leased(held, source, facility)
        finally:  # also when it ends while the lease is being written
            with suppress(asyncio.CancelledError):
                await schedule.release(self._database, key, self._holder)

    async def _read_leased(self, held: SourceLease, source: HisSource, facility: FacilityRow) -> None:
        try:
            await self._read_due(held, source, facility)
        except LeaseLost:
            log.info("source_left", source=source.name, facility=facility.code)
        except TooManyGone as error:
            await self._stop(held, error)
        except HisFault as error:
            await self._fail(held, error.kind, str(error))
        except VaultError:
            await self._fail(held, NO_CREDENTIALS, message("source.sealed"))
        except TemplateError as error:
            await self._fail(held, TEMPLATE, at(error.path, error.message))

    async def _read_due(self, held: SourceLease, source: HisSource, facility: FacilityRow) -> None:
        entered = await self._credentials(held, source)
        if entered is None:
            await self._fail(held, NO_CREDENTIALS, message("source.no_credentials", source=source.label))
            return
        due = await self._bearable(await schedule.due_rounds(self._database, held), source, facility)
        async with connected(source.system, entered) as connection:
            failed = False
            for one in _in_order(due, source):
                try:
                    await self._run(connection, held, source, facility, one)
                except HisFault as error:
                    if error.kind in OF_ALL_READS:
                        raise
                    failed = True
                    await self._fail_read(held, one, error)
        if not failed:
            await schedule.works(self._database, held)

    async def _credentials(self, held: SourceLease, source: HisSource) -> dict[str, str] | None:
        opened = await credentials(self._database, self._vault, held.facility_id, source.account)
        return opened if opened.get("database") else None

    async def _bearable(self, due: list[DueRound], source: HisSource, facility: FacilityRow) -> list[DueRound]:
        """Return the rounds that the queues of the clinic can take; the others are postponed."""
        hottest = {read.name: read.windows[0].days for read in source.reads.values()}
        wide = [one for one in due if one.first_day or one.days != hottest.get(one.read)]
        if not wide or await self._queued(facility.id) <= MAX_QUEUED:
            return due
        await schedule.postpone(self._database, wide, self._database.clock() + BACK_PRESSURE_MS)
        return [one for one in due if one not in wide]

    async def _queued(self, facility_id: int) -> int:
        counts = await counters.read(self._database, facility_id)
        return sum(of_spec.get(Status.QUEUED, 0) for of_spec in counts.values())

    async def _run(
        self, connection: HisConnection, held: SourceLease, source: HisSource, facility: FacilityRow, due: DueRound
    ) -> None:
        read, began = source.reads[due.read], self._database.clock()
        every = next((window.every for window in read.windows if window.days == due.days), None)
        await schedule.begin(self._database, held, due)
        failpoint("source_begun")
        if read.watermark is not None:
            result, every = await self._follow_mark(connection, held, source, facility, due, read.watermark)
        else:
            span = None if read.by == "all" else self._span(held, read, facility, due)
            async with connection.snapshot(source.patience) as snapshot:
                reading = SourceReading(source, read, facility, snapshot)
                lane = Lane.BACKFILL if due.first_day else None
                result = await self._round(held, due, reading, span, lane).run()
        await schedule.finish(self._database, held, due, result, None if due.first_day else every, began)
        metrics().read_source(facility.code, source.name, read.name, result._asdict(), self._database.clock() - began)
        log.info("source_read", source=source.name, read=read.name, facility=facility.code, **result._asdict())

    def _round(
        self, held: SourceLease, due: DueRound, reading: SourceReading, span: Span | None, lane: Lane | None
    ) -> Round:
        # Only rounds of the hottest window rest on what is known: the others hand all of it in.
        is_hot = not due.first_day and due.days == reading.read.windows[0].days and span is not None
        known_rows = self._known_rows if is_hot else KnownRows()
        if not is_hot:
            self._known_rows.forget(SourceKey(held.facility_id, held.source), due.read)
        return Round(self._database, self._intake, held, due, reading, span, lane, known_rows)

    async def _follow_mark(
        self,
        connection: HisConnection,
        held: SourceLease,
        source: HisSource,
        facility: FacilityRow,
        due: DueRound,
        watermark: Watermark,
    ) -> tuple[RoundResult, int]:
        """Read what has changed, or the keys; return the counts, and the seconds after which the next is due."""
        read, began = source.reads[due.read], self._database.clock()
        if due.days == KEYS_DAYS and watermark.keys is not None:
            async with connection.snapshot(source.patience) as snapshot:
                reading = SourceReading(source, read, facility, snapshot)
                result = await read_keys(self._database, self._intake, held, reading, watermark.keys)
            return result, until_night(facility, began)
        round_ = WatermarkRound(self._database, self._intake, held, due, connection, source, read, watermark, facility)
        result = await round_.run()
        if round_.has_more:
            is_full = await self._queued(facility.id) > MAX_QUEUED
            return result, BACK_PRESSURE_MS // 1000 if is_full else 0
        spec = self._catalog().specs.get(read.into)
        if spec is not None and is_due(facility, due, began):
            ledger = Ledger(held.facility_id, source.name, read.name)
            await LedgerRetention(self._database, held, ledger, spec).run()
        # Many rows with marks within the lag are read again each time: seldom, as long as nothing is new.
        took = (self._database.clock() - began) // 1000
        return result, read.windows[0].every if result.taken else max(read.windows[0].every, IDLE_SHARE * took)

    def _span(self, held: SourceLease, read: SourceRead, facility: FacilityRow, due: DueRound) -> Span:
        """Return the days of a round; one that may end after midnight includes tomorrow."""
        if due.first_day:
            return Span(date.fromisoformat(due.first_day), date.fromisoformat(due.last_day))
        every = next((window.every for window in read.windows if window.days == due.days), 0)
        now = facility.local(self._database.clock())
        first = now.date() - timedelta(days=due.days - 1)
        return Span(max(first, date.fromisoformat(held.from_day)), _after(now, min(every, 3600)))

    async def _fail(self, held: SourceLease, fault: str, problem: str) -> None:
        log.warning("source_not_read", source=held.source, facility=held.facility_id, fault=fault)
        await schedule.fail(self._database, held, fault, problem)

    async def _fail_read(self, held: SourceLease, due: DueRound, error: HisFault) -> None:
        log.warning("read_failed", source=held.source, read=due.read, facility=held.facility_id, fault=error.kind)
        await schedule.fail_read(self._database, held, due, error.kind, str(error))

    async def _stop(self, held: SourceLease, error: TooManyGone) -> None:
        log.warning("source_stopped", source=held.source, facility=held.facility_id, gone=error.gone, of=error.of)
        problem = message("source.many_gone", gone=error.gone, of=error.of)
        await schedule.stop(self._database, held, MANY_GONE, problem)


def _in_order(due: list[DueRound], source: HisSource) -> list[DueRound]:
    """Return the rounds of declared reads: today's first, and in each span what others need before these."""
    order = list(source.reads)
    declared = (one for one in due if one.read in source.reads)
    return sorted(declared, key=lambda one: (one.first_day, one.days, order.index(one.read)))


def _after(now: datetime, seconds: int) -> date:
    return (now + timedelta(seconds=seconds)).date()
