"""Drains one channel: claims batches and keeps its slots full until nothing is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from enum import Enum

import structlog
from sqlalchemy.exc import SQLAlchemyError

from adapters.base import Account, Upstream
from engine.delivery.types import Channel, ClaimedDelivery, Lease, Settlement, Signal, given_back
from engine.errors import place_of
from engine.facilities.facilities import FacilityRow
from engine.failpoints import failpoint
from engine.limits.breaker import BreakerState
from engine.limits.slots import ChannelSlots, Limits
from engine.outbox.claim import SUSPECT_DEATHS, begin, claim
from engine.sending.account import account_or_close
from engine.sending.outcomes import Outcome
from engine.sending.prepare import Prepared, prepare_batch
from engine.sending.send_queue import SendQueue
from engine.sending.worker_context import WorkerContext
from engine.specs.upstream import UpstreamSpec
from engine.telemetry import tracing
from engine.telemetry.metrics import metrics

MAX_BATCH = 500  # deliveries
MIN_BATCH = 2  # with one, each claim of a record would be a full one and would wake the other workers
BATCH_SECONDS = 0.2  # a batch that is sent in less makes the next one larger, one that takes more makes it smaller

log = structlog.get_logger(__name__)


class Due(Enum):
    """Result of a claim: nothing was due, the batch is all that was due, or more may be due."""

    NOTHING = 0
    ALL = 1
    MORE = 2


class Drain:
    """The work on one channel in one process."""

    def __init__(
        self,
        channel: Channel,
        facility: FacilityRow,
        upstream_spec: UpstreamSpec,
        upstream: Upstream,
        account: Account,
        context: WorkerContext,
    ) -> None:
        self.channel = channel
        self.rung = False  # something may have become due since the last claim
        self._wake = asyncio.Event()  # set when the channel is rung, when nothing is in flight any more, and to stop
        self._facility = facility
        self._upstream_spec = upstream_spec
        self._upstream = upstream
        self._account = account
        self._context = context
        self._limits = Limits(upstream_spec.concurrency, upstream_spec.rate)
        # Requests that can begin within BATCH_SECONDS: the next batch is claimed when no more are queued.
        self._soon = 0
        self._batch = 0
        self._queue = SendQueue()
        self._senders: list[asyncio.Task[None]] = []
        self._open = 0
        self._probing = False
        self._probed = False  # a request of the probe was begun
        self._stopping = False

    @property
    def in_flight(self) -> int:
        """Deliveries that are claimed and not yet settled."""
        return self._open

    def ring(self) -> None:
        """Claim again: something may be due."""
        self.rung = True
        self._wake.set()

    def stop(self) -> None:
        """Begin no more requests; those in flight end."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Work until nothing is due, the breaker closes the channel or `stop` is called."""
        try:
            slots = await self._context.slots.join(self.channel, self._limits)
            slots.failures = self._context.breaker.failures(self.channel)
            await self._fill(slots)
        finally:
            self._queue.close()
            await asyncio.gather(*self._senders)
            self._context.slots.leave(self.channel)

    async def _fill(self, slots: ChannelSlots) -> None:
        """Claim batches as long as there is something to send and a slot to send it with.

        A batch below its limit is all that was due: nothing is claimed again until the channel is rung.
        """
        while not self._stopping:
            if not await slots.has_slots():  # a delivery that is claimed now could not be sent
                return
            self.rung = self._is_outdated()
            if self.rung or not await self._read_account():
                return
            is_open = self._context.breaker.is_open(self.channel)
            due = await self._claim_batch(slots) if is_open else Due.NOTHING
            if due is Due.NOTHING:
                state = await self._state()
                if state is BreakerState.CLOSED:
                    return
                if state is BreakerState.PROBE:
                    await self._probe(slots)
                if state is BreakerState.PROBE or not is_open:
                    continue
            if due is not Due.MORE and not await self._until_rung():
                return

    async def _until_rung(self) -> bool:
        """Wait until the channel is rung, nothing is in flight any more, or the drain has to stop.

        Return whether the channel is rung.
        """
        while self._open and not self.rung and not self._stopping:
            await self._sleep()
        return self.rung

    async def _read_account(self) -> bool:
        """Read the account; return False if the channel has none, and is closed for that."""
        context = self._context
        account = await account_or_close(context.accounts, context.breaker, self.channel, self._upstream_spec)
        self._account = account or self._account
        return account is not None

    async def _state(self) -> BreakerState:
        """Return the state of the channel, which is asked for when a claim returned nothing: it may be closed."""
        breaker, spec = self._context.breaker, self._upstream_spec
        return await breaker.state(self.channel, spec.breaker, _patience(spec), idle=not self._open)

    async def _claim_batch(self, slots: ChannelSlots) -> Due:
        """Claim a batch and queue it; return whether more is due."""
        await self._context.writer.room()
        self._soon = slots.soon(BATCH_SECONDS)
        limit = self._batch = min(MAX_BATCH, max(self._soon, self._batch, MIN_BATCH))
        claimed = await self._claim(limit)
        if not claimed:
            return Due.NOTHING
        await self._take(claimed, slots)
        if claimed[0].deaths >= SUSPECT_DEATHS:
            # Alone until it is written: if it kills this worker, unwritten results of others would die too.
            await self._until_idle()
            await self._context.writer.drained()
            return Due.MORE
        if len(claimed) < limit:
            return Due.ALL
        self._context.full(self.channel, claimed[-1].spec)
        return Due.MORE

    def _is_outdated(self) -> bool:
        """Return whether the configuration was loaded again; the next drain then uses the new one."""
        return self._context.catalog().upstreams.get(self.channel.upstream) is not self._upstream_spec

    async def _probe(self, slots: ChannelSlots) -> None:
        """Send one delivery alone; one that is blocked or faulty says nothing about the upstream: try the next."""
        self._probing, self._probed = True, False
        while not self._probed and not self._stopping and slots.slots and (claimed := await self._claim(1, probe=True)):
            await self._take(claimed, slots)
            await self._until_idle()
        self._probing = False
        if not self._probed:
            await self._context.breaker.probe_unused(self.channel, self._upstream_spec.breaker)

    async def _until_idle(self) -> None:
        while self._open:
            await self._sleep()

    async def _sleep(self) -> None:
        """Return when the channel is rung, when nothing is in flight any more, or when the drain has to stop."""
        self._wake.clear()
        await self._wake.wait()

    async def _claim(self, limit: int, *, probe: bool = False) -> list[ClaimedDelivery]:
        failpoint("claiming")
        started = time.perf_counter()
        context, in_flight = self._context, self._open
        idle = not in_flight and context.writer.is_idle
        claimed = await claim(
            context.database, self.channel, limit, context.worker, in_flight=in_flight, idle=idle, probe=probe
        )
        self._note("claim", claimed, started)
        failpoint("claimed")
        return claimed

    def _note(self, step: str, claimed: Sequence[ClaimedDelivery], started: float) -> None:
        seconds = time.perf_counter() - started
        metrics().step(step, seconds)
        if claimed:
            tracing.step(claimed[0].lease.id, step, seconds)

    async def _take(self, claimed: Sequence[ClaimedDelivery], slots: ChannelSlots) -> None:
        """Prepare a batch and queue it for the senders."""
        lease = claimed[0].lease
        self._context.leases[lease.id] = lease
        self._open += len(claimed)
        try:
            prepared, settled = await self._prepare(claimed)
            failpoint("prepared")
            if prepared and not await self._begin(lease):
                self._lose(lease)
                return
            failpoint("begun")
        except (SQLAlchemyError, OSError):  # no request was sent: give all back as soon as the database is reachable
            for delivery in claimed:
                self._settle(given_back(delivery))
            raise
        except BaseException:
            self._lose(lease)
            raise
        for settlement in settled:
            self._settle(settlement)
        started = time.monotonic()
        for one in prepared:
            self._queue.put(one)
        self._start_senders(slots)
        await self._queue.until_few(self._soon)
        self._adjust_batch(time.monotonic() - started)

    async def _begin(self, lease: Lease) -> bool:
        """Note that requests may leave, and share the slots if another worker is in the channel; False: lease lost."""
        begun = await begin(self._context.database, lease)
        if begun is not None and begun.shared:
            await self._context.slots.share(self.channel)
        return begun is not None

    async def _prepare(self, claimed: Sequence[ClaimedDelivery]) -> tuple[list[Prepared], list[Settlement]]:
        started, context = time.perf_counter(), self._context
        rules = await context.value_rules.of(self._facility.id)
        prepared = await prepare_batch(
            context.database, context.catalog(), self._facility, self.channel.upstream, self._upstream, claimed, rules
        )
        self._note("prepare", claimed, started)
        return prepared

    def _lose(self, lease: Lease) -> None:
        """Let the lease run out: a sweep takes back its deliveries."""
        self._open -= lease.outstanding
        self._context.leases.pop(lease.id, None)

    def _adjust_batch(self, seconds: float) -> None:
        """Claim about as many as are sent in BATCH_SECONDS, so that a crash leaves few deliveries in doubt."""
        if seconds < BATCH_SECONDS / 2:
            self._batch = min(MAX_BATCH, 2 * self._batch)
        elif seconds > BATCH_SECONDS:
            self._batch = self._batch // 2

    def _start_senders(self, slots: ChannelSlots) -> None:
        """Start as many senders as there are deliveries to send, at most one for each slot of the channel."""
        missing = min(self._limits.concurrency, self._open) - len(self._senders)
        self._senders += [asyncio.create_task(self._send_all(slots)) for _ in range(missing)]

    async def _send_all(self, slots: ChannelSlots) -> None:
        while (taken := await self._queue.next(slots, self._may_begin)) is not None:
            prepared, has_slot = taken
            if not has_slot:
                self._settle(given_back(prepared.delivery))
                continue
            try:
                await self._send(prepared, slots)
            finally:
                slots.release()

    async def _send(self, prepared: Prepared, slots: ChannelSlots) -> None:
        sender, probe, account = self._context.sender, self._probing, self._account
        self._probed = self._probed or probe
        outcome = await sender.deliver(prepared, self._upstream, account, slots.rate_limiter.wait, probe=probe)
        await self._report(outcome, account.version, probe=probe)
        await self._note_path(outcome)
        slots.failures = self._context.breaker.failures(self.channel)
        self._settle(outcome.settlement)

    async def _report(self, outcome: Outcome, version: int, *, probe: bool) -> None:
        """Report the outcome to the breaker; read the account again if credentials of an old version were refused."""
        context, spec = self._context, self._upstream_spec
        try:
            if not await context.breaker.report(
                self.channel,
                spec.breaker,
                outcome.signal,
                outcome.reason,
                outcome.retry_after,
                probe=probe,
                version=version,
            ):
                account = await context.accounts.get(self.channel.facility_id, spec, fresh=True)
                if isinstance(account, Account):
                    self._account = account
        except Exception as error:
            log.warning("gate_not_written", upstream=self.channel.upstream, **place_of(error))

    async def _note_path(self, outcome: Outcome) -> None:
        """Note whether the path of a delivery works or is refused, which pauses its type."""
        paths, delivery = self._context.refused_paths, outcome.settlement.delivery
        if outcome.signal is Signal.GOOD:
            paths.accepted(delivery)
        elif outcome.refused_path is not None:
            try:
                await paths.refused(delivery, outcome.refused_path, outcome.reason)
            except Exception as error:
                log.warning("path_not_paused", upstream=self.channel.upstream, **place_of(error))

    def _may_begin(self, prepared: Prepared) -> bool:
        """Return False while stopping, when the lease is about to end, and if channel or path were closed meanwhile.

        A probe is sent on a closed channel, with nothing else claimed.
        """
        delivery, context = prepared.delivery, self._context
        if self._stopping or not delivery.lease.lasts(context.database.clock()):
            return False
        is_open = self._probing or context.breaker.is_open(self.channel)
        return is_open and not context.refused_paths.is_stopped(delivery)

    def _settle(self, settlement: Settlement) -> None:
        self._open -= 1
        self._context.writer.put(settlement)
        if self._open == 0:
            self._wake.set()


def _patience(spec: UpstreamSpec) -> float:
    """Return the seconds that a delivery may take: one search and one request."""
    timeouts = spec.profile.timeouts
    return 2 * (timeouts.connect + timeouts.total)
