"""Past of the demo: a thin month, yesterday and today, stored and sent by a clock that is set to each hour in turn.

The engine does what it always does; only its clock is not that of the wall. No web server and no worker of the
ordinary kind may run meanwhile: they would send the same deliveries at the time of the wall.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from admin.commands.demo_records import RECORDED_DAY, ZONE, DemoRecords, Timetable
from engine.catalog.catalog import Catalog
from engine.database.database import wall_clock
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.limits.breaker import CircuitBreaker
from engine.limits.slot_allocator import SlotAllocator
from engine.outbox.sweep import due_channels, sweep
from engine.sending.account import account_or_close
from engine.sending.drain import Drain
from engine.sending.refused_paths import RefusedPaths
from engine.sending.send import Sender
from engine.sending.settlement_writer import SettlementWriter
from engine.sending.worker_context import WorkerContext
from engine.value_rules.active import ActiveRules

DAYS = 28  # before yesterday
VISITS_A_DAY = 2
N_VISITS = 45  # of the recorded day
SECOND_CLINIC_VISITS = range(3, N_VISITS + 1, 3)  # of a whole day
IN_FLIGHT = 16  # requests at once: the sandbox has no quota to keep to
MAX_ROUNDS = 30  # of sending on one day: a delivery waits for another, which waits for a third, and so on
HOURS = (9, 11, 14, 10, 13, 16)  # at which the days of the month are handed in
LIVE = timedelta(hours=1)  # before now: visits that ended in it are handed in after the start, before one's eyes
NAME = "demo-history"

Clinic = tuple[FacilityRow, dict[str, str]]  # and the words of its own


class SetClock:
    """A clock that runs at the speed of the wall's from a time to which it is set."""

    def __init__(self) -> None:
        self._offset = 0

    def __call__(self) -> int:
        return wall_clock() + self._offset

    def set(self, to: datetime | None) -> None:
        """Set the clock; None sets it to the wall's time."""
        self._offset = 0 if to is None else int(to.timestamp() * 1000) - wall_clock()


class History:
    """Stores and sends the past of one clinic after another through a hub with a SetClock."""

    def __init__(self, hub: Hub, clock: SetClock, records: DemoRecords) -> None:
        self._hub = hub
        self._clock = clock
        self._records = records
        self._sender = DueSender(hub)

    async def fill(self, now: datetime, clinics: list[Clinic]) -> None:
        """Hand in and send the month before yesterday, yesterday whole, and today up to LIVE ago."""
        self._hub.catalog = _unlimited(self._hub.catalog)
        self._clock.set(hour_of(first_day(now), HOURS[0]))
        for facility, words in clinics:
            await self._store(facility, words, self._records.foundation(first_day(now)))
        for place, to in enumerate(month_days(now)):
            self._clock.set(hour_of(to, HOURS[place % len(HOURS)]))
            for nth, (facility, words) in enumerate(clinics):
                first = (place * VISITS_A_DAY + nth) % N_VISITS
                visits = {(first + n) % N_VISITS + 1 for n in range(VISITS_A_DAY if not nth else 1)}
                await self._store(facility, words, self._records.visits(to, visits, self._records.month_types))
            await self._sender.run([facility for facility, _ in clinics])
        yesterday = now.date() - timedelta(days=1)
        shift = yesterday - RECORDED_DAY
        await self._day({visit: end + shift for visit, end in self._records.ends.items()}, None, clinics)
        ends, times = self._records.ended(now)
        await self._day({visit: end for visit, end in ends.items() if end <= now - LIVE}, times, clinics)

    async def _day(self, ends: Mapping[int, datetime], times: Timetable | None, clinics: list[Clinic]) -> None:
        """Hand in visits hour by hour as they end. Only on yesterday the first clinic's keys are those of the files."""
        for last_end, visits in by_hour(ends):
            self._clock.set(last_end)
            for nth, (facility, words) in enumerate(clinics):
                dated = bool(nth or times)
                chosen = [visit for visit in visits if not nth or visit in SECOND_CLINIC_VISITS]
                parts = self._records.visits(last_end.date(), chosen, self._records.files, times, dated_keys=dated)
                await self._store(facility, words, parts)
            await self._sender.run([facility for facility, _ in clinics])

    async def _store(
        self, facility: FacilityRow, words: dict[str, str], parts: Iterator[tuple[str, list[Any]]]
    ) -> None:
        for name, records in parts:
            await self._hub.intake.hand_in(facility, name, in_words(records, words))


class DueSender:
    """Sends what is due through a hub, as its workers would."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def run(self, facilities: list[FacilityRow]) -> None:
        """Send until nothing is due at the time to which the clock is set."""
        due = {Channel(name, facility.id) for name in self._hub.catalog.upstreams for facility in facilities}
        for _ in range(MAX_ROUNDS):
            rung: set[Channel] = set()
            writer = SettlementWriter(self._hub.database, rung.add)
            writing = asyncio.create_task(writer.run())
            context = self._context(writer)
            by_id = {facility.id: facility for facility in facilities}
            await asyncio.gather(*(self._drain(channel, by_id[channel.facility_id], context) for channel in due))
            await writer.drained()
            writing.cancel()
            await context.slots.end()
            due = rung | await sweep(self._hub.database) | await due_channels(self._hub.database)
            if not due:
                return

    async def _drain(self, channel: Channel, facility: FacilityRow, context: WorkerContext) -> None:
        upstream = self._hub.catalog.upstreams[channel.upstream]
        account = await account_or_close(self._hub.accounts, context.breaker, channel, upstream)
        if account is not None:
            await Drain(channel, facility, upstream, self._hub.upstream(channel.upstream), account, context).run()

    def _context(self, writer: SettlementWriter) -> WorkerContext:
        database = self._hub.database
        return WorkerContext(
            database=database,
            catalog=lambda: self._hub.catalog,
            accounts=self._hub.accounts,
            breaker=CircuitBreaker(database),
            refused_paths=RefusedPaths(database),
            writer=writer,
            sender=Sender(database.clock, random.Random(1)),  # noqa: S311 - jitter, not secrets
            worker=NAME,
            leases={},
            full=lambda channel, spec: None,
            slots=SlotAllocator(database, NAME),
            value_rules=ActiveRules(database),
        )


def first_day(now: datetime) -> date:
    """Return the oldest day of the demo."""
    return now.date() - timedelta(days=DAYS + 1)


def month_days(now: datetime) -> list[date]:
    """Return the days before yesterday, the oldest first; the demo's clinics are open every day."""
    return [first_day(now) + timedelta(days=n) for n in range(DAYS)]


def by_hour(ends: Mapping[int, datetime]) -> Iterator[tuple[datetime, list[int]]]:
    """Yield (end of the last one, visits) of each hour in which visits end, the earliest first."""
    ordered = sorted(ends, key=lambda visit: ends[visit])
    for _, visits in itertools.groupby(ordered, key=lambda visit: ends[visit].replace(minute=0, second=0)):
        group = list(visits)
        yield ends[group[-1]], group


def hour_of(to: date, hour: int) -> datetime:
    """Return a time on a day of the demo's clinics."""
    return datetime.combine(to, time(hour), ZoneInfo(ZONE))


def _unlimited(catalog: Catalog) -> Catalog:
    """Return the catalog without rates: a month is sent in the time that the demo takes to start."""
    upstreams = {name: replace(spec, concurrency=IN_FLIGHT, rate=None) for name, spec in catalog.upstreams.items()}
    specs = {name: replace(spec, upstream=upstreams[spec.upstream.name]) for name, spec in catalog.specs.items()}
    return replace(catalog, upstreams=upstreams, specs=specs)


def in_words(records: list[Any], words: Mapping[str, str]) -> list[Any]:
    """Return the records with the words of another clinic in place of the first one's."""
    if not words:
        return records
    text = orjson.dumps(records).decode()
    for old, new in words.items():
        text = text.replace(old, new)
    changed: list[Any] = orjson.loads(text)
    return changed
