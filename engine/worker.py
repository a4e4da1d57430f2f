"""One worker process: hears the bell, drains channels, extends its leases, sweeps."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import dramatiq
import structlog
from sqlalchemy.exc import SQLAlchemyError

from engine.catalog.catalog import Catalog
from engine.corrections.search import CorrectionSearch
from engine.database.statements import Command
from engine.database.transaction import Transaction
from engine.delivery.types import Channel, Lease
from engine.due_times import heal
from engine.errors import place_of
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.inbound.forwarding import Forwarder
from engine.intake import refusals
from engine.jobs.runner import run_jobs
from engine.limits.breaker import CircuitBreaker
from engine.limits.slot_allocator import SlotAllocator
from engine.limits.slots import REFRESH_SECONDS
from engine.maintenance.circles import CircleSearch
from engine.maintenance.clock_watch import ClockWatch, note_time
from engine.maintenance.list_indexing import ListIndexing
from engine.maintenance.retention import AttemptRetention
from engine.maintenance.visit_review import VisitReview
from engine.outbox.claim import heartbeat
from engine.outbox.outdated_waits import release_outdated
from engine.outbox.pauses.lanes import keep_lanes
from engine.outbox.reroute import reroute
from engine.outbox.sweep import due_channels, sweep
from engine.sending.account import account_or_close
from engine.sending.drain import Drain
from engine.sending.refused_paths import RefusedPaths
from engine.sending.send import Sender
from engine.sending.settlement_writer import SettlementWriter
from engine.sending.worker_context import WorkerContext
from engine.sources.reader import SourceReader
from engine.subscribers.events import Words, as_stored
from engine.subscribers.publisher import Publisher
from engine.telemetry.metrics import metrics
from engine.value_rules.active import ActiveRules
from engine.value_rules.mended import MendedSearch

SWEEP_SECONDS = 1.0
JOB_SECONDS = 1.0
FORWARD_SECONDS = 1.0
CODE_LIST_SECONDS = 5.0
SOURCE_SECONDS = 2.0
TELL_SECONDS = 3.0
HEARTBEAT_SECONDS = 4.0  # twice within LIFE_MS, so that a worker that is alone in a channel may go on
CIRCLE_SECONDS = 5.0
CORRECTION_SECONDS = 10.0
MENDED_SECONDS = 300.0
PRUNE_SECONDS = 60.0
INDEX_SECONDS = 1.0
VISIT_SECONDS = 3.0
SWEEPS_PER_HEALING = 60  # sweeps between two searches for due times that a wrong clock has written
AWAY_MS = 10_000  # without a sweep, after which the database or the machine counts as having been away
BELL_POLL_MS = 250  # between two questions for bells to a broker that has none; RabbitMQ sends them by itself
RETURN_MS = 15_000  # that all workers then have to write results and heartbeats before leases are taken back
GRACE_SECONDS = 25.0  # that requests in flight have to end when the worker is asked to stop

log = structlog.get_logger(__name__)


class _Periodic(NamedTuple):
    """Work that a worker repeats."""

    seconds: float
    work: Callable[[], Awaitable[object]]


class Worker:
    """Drains every channel of its hub; `run` lasts until `stop` is set."""

    def __init__(self, hub: Hub, rng: random.Random | None = None, words: Words = as_stored) -> None:
        """Work for `hub`; `words` says a stored message as clinics' systems are told it."""
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._hub = hub
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self._drains: dict[Channel, tuple[Drain, asyncio.Task[None]]] = {}
        self._starting: set[Channel] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leases: dict[int, Lease] = {}
        self._writer = SettlementWriter(hub.database, self.ring, self._leases)
        self._swept_at: int | None = None
        self._named: Mapping[int, FacilityRow] = {}
        self._waits_hash = ""  # hash of the configuration whose needs all waits are known to agree with
        self._patient_until = 0
        self._sweeps = 0
        self._clock_watch = ClockWatch(hub.database)
        self._stopping = False
        self._retention = AttemptRetention(hub.database, self._catalog, hub.settings.bodies_days)
        self._corrections = CorrectionSearch(hub.database, self._catalog, hub.facilities)
        self._indexing = ListIndexing(hub.database, self._catalog, hub.vault)
        self._visits = VisitReview(hub.database, self._catalog)
        self._circles = CircleSearch(hub.database, self._catalog, self.ring)
        self._sources = SourceReader(hub.database, self._catalog, hub.facilities, hub.vault, hub.intake, self.name)
        self._forwarder = Forwarder(hub.database, self._catalog, hub.vault, self._rng, hub.settings.webhook_policy)
        self._publisher = self._publisher_of(words)
        self._context = WorkerContext(
            database=hub.database,
            catalog=self._catalog,
            accounts=hub.accounts,
            breaker=CircuitBreaker(hub.database),
            refused_paths=RefusedPaths(hub.database),
            writer=self._writer,
            sender=Sender(hub.database.clock, self._rng),
            worker=self.name,
            leases=self._leases,
            slots=SlotAllocator(hub.database, self.name),
            value_rules=ActiveRules(hub.database),
            full=lambda channel, spec: hub.bell.ring(spec, channel.facility_id),
        )

    def _publisher_of(self, words: Words) -> Publisher:
        hub = self._hub
        policy = hub.settings.webhook_policy
        return Publisher(hub.database, self._catalog, hub.facilities, hub.vault, policy, words)

    def _catalog(self) -> Catalog:
        return self._hub.catalog

    @property
    def in_flight(self) -> int:
        return sum(drain.in_flight for drain, _ in self._drains.values())

    def ring(self, channel: Channel) -> None:
        """Wake the drain of a channel that has something due, or start one. Only from the worker's own event loop."""
        if self._stopping:
            return
        running = self._drains.get(channel)
        if running is not None:
            running[0].ring()
        elif channel not in self._starting:
            self._starting.add(channel)
            self._spawn(self._start(channel))

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then end the requests in flight, give back the rest, and return."""
        await self._hub.database.synchronise()
        await self._clock_watch.begin()
        bell = dramatiq.Worker(self._hub.broker, worker_threads=2, worker_timeout=BELL_POLL_MS)
        lasting = self._start_tasks(self._lasting())
        lasting.append(asyncio.create_task(self._writer.run()))
        ending = self._start_tasks(self._ending())
        reading = asyncio.create_task(self._every(CODE_LIST_SECONDS, self._hub.synchroniser.tick))
        sharing = asyncio.create_task(self._every(REFRESH_SECONDS, self._context.slots.refresh))
        bell.start()
        log.info("worker_started", worker=self.name)
        try:
            await stop.wait()
        finally:
            self._stopping = True
            for task in (*ending, reading):
                task.cancel()
            await asyncio.to_thread(bell.stop, 2000)
            await self._sources.stop()
            await self._end_drains()
            await asyncio.wait({reading}, timeout=GRACE_SECONDS)
            for task in (*lasting, sharing):
                task.cancel()
            await asyncio.wait({sharing})
            await self._sign_off()
            log.info("worker_stopped", worker=self.name)

    def _ending(self) -> list[_Periodic]:
        """Return the work that ends as soon as the worker is asked to stop."""
        return [
            _Periodic(SWEEP_SECONDS, self._sweep),
            _Periodic(JOB_SECONDS, self._run_jobs),
            _Periodic(PRUNE_SECONDS, self._prune),
            _Periodic(CIRCLE_SECONDS, self._circles.tick),
            _Periodic(CORRECTION_SECONDS, self._corrections.tick),
            _Periodic(MENDED_SECONDS, MendedSearch(self._hub.database).tick),
            _Periodic(INDEX_SECONDS, self._indexing.tick),
            _Periodic(VISIT_SECONDS, self._visits.tick),
            _Periodic(SOURCE_SECONDS, self._sources.tick),
            _Periodic(TELL_SECONDS, self._publisher.tick),
        ]

    def _lasting(self) -> list[_Periodic]:
        """Return the work that goes on until the drains have ended."""
        return [_Periodic(HEARTBEAT_SECONDS, self._beat), _Periodic(FORWARD_SECONDS, self._forwarder.tick)]

    def _start_tasks(self, periodic: list[_Periodic]) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._every(*row)) for row in periodic]

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, channel: Channel) -> None:
        try:
            drain = await self._make(channel)
        except Exception as error:
            log.warning("drain_not_started", upstream=channel.upstream, **place_of(error))
            drain = None
        finally:
            self._starting.discard(channel)
        if drain is not None and not self._stopping:
            task = asyncio.create_task(drain.run())
            self._drains[channel] = (drain, task)
            task.add_done_callback(lambda done: self._ended(channel, done))

    async def _make(self, channel: Channel) -> Drain | None:
        upstream_spec = self._hub.catalog.upstreams.get(channel.upstream)
        facility = await self._hub.facilities.one(channel.facility_id)
        if upstream_spec is None or facility is None:
            return None
        account = await account_or_close(self._hub.accounts, self._context.breaker, channel, upstream_spec)
        if account is None:
            return None
        upstream = self._hub.upstream(channel.upstream)
        return Drain(channel, facility, upstream_spec, upstream, account, self._context)

    def _ended(self, channel: Channel, task: asyncio.Task[None]) -> None:
        drain, _ = self._drains.pop(channel)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.warning("drain_broke", upstream=channel.upstream, facility=channel.facility_id, **place_of(error))
        elif drain.rung:
            self.ring(channel)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # go on: otherwise leases would end and queues would stand still
                log.warning("work_broke", work=work.__name__, **place_of(error))
            await asyncio.sleep(seconds * (0.8 + 0.4 * self._rng.random()))

    async def _sweep(self) -> None:
        await self._name_facilities()
        thorough, taking_back = self._swept_at is None, self._may_take_back()
        if await self._clock_watch.look() or self._sweeps % SWEEPS_PER_HEALING == 0:
            await heal(self._hub.database, self._hub.catalog)
        self._sweeps += 1
        due = await sweep(self._hub.database, thorough=thorough, taking_back=taking_back)
        due |= await keep_lanes(self._hub.database, thorough=thorough)
        due |= await due_channels(self._hub.database)
        self._swept_at = self._hub.database.clock()
        catalog = self._hub.catalog
        if catalog.hash != self._waits_hash:
            due |= await release_outdated(self._hub.database, catalog.specs.values())
            self._waits_hash = catalog.hash
        routes = {name: spec.upstream.name for name, spec in catalog.specs.items()}
        due |= await reroute(self._hub.database, routes, catalog.upstreams)
        for channel in due:
            self.ring(channel)

    async def _name_facilities(self) -> None:
        """Let the metrics show the codes of the clinics."""
        facilities = await self._hub.facilities.all()
        if facilities is not self._named:
            metrics().names.update({row.id: row.code for row in facilities.values()})
            self._named = facilities

    def _may_take_back(self) -> bool:
        """Return whether ended leases may be taken back: not right after the database was away.

        The workers that live first have to write their results and heartbeats.
        """
        now = self._hub.database.clock()
        if self._swept_at is not None and now - self._swept_at > AWAY_MS:
            self._patient_until = now + RETURN_MS
        # At most RETURN_MS ahead: after a clock that was ahead is set right, nothing would be taken back for long.
        self._patient_until = min(self._patient_until, now + RETURN_MS)
        return now >= self._patient_until

    async def _prune(self) -> None:
        now = await self._clock_watch.time_to_prune()
        if now is not None:
            await self._retention.tick(now)
            await refusals.prune(self._hub.database)
            await self._clock_watch.pruned()

    async def _run_jobs(self) -> None:
        await run_jobs(self._hub.database, self.ring, lambda: self._stopping)

    async def _beat(self) -> None:
        await self._hub.database.synchronise()
        at = self._hub.database.clock()
        if self._leases:
            await heartbeat(self._hub.database, list(self._leases.values()))
        await self._hub.database.write(_sign, self.name, self.in_flight)
        self._context.slots.beat(at)

    async def _end_drains(self) -> None:
        for drain, _ in self._drains.values():
            drain.stop()
        tasks = [task for _, task in self._drains.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_SECONDS)
        try:
            await asyncio.wait_for(self._writer.drained(), timeout=5.0)
        except TimeoutError:
            log.warning("settlements_left", note="their leases end by themselves")

    async def _sign_off(self) -> None:
        try:
            await self._context.slots.end()
            await self._hub.database.execute(_SIGN_OFF, {"name": self.name})
        except (SQLAlchemyError, OSError) as error:
            log.warning("not_signed_off", error=type(error).__name__)


async def _sign(tx: Transaction, name: str, in_flight: int) -> None:
    await tx.execute(_SIGN, {"name": name, "now": tx.now, "in_flight": in_flight})
    await note_time(tx, tx.now)


_SIGN = Command(
    """
INSERT INTO workers (name, started_at, beat_at, in_flight) VALUES (:name, :now, :now, :in_flight)
ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at, in_flight = excluded.in_flight
"""
)
_SIGN_OFF = Command("DELETE FROM workers WHERE name = :name")
