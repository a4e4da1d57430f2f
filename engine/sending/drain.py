"""Drains one channel: claims batches and keeps its slots full until nothing is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from msgspec.structs import replace
from sqlalchemy.exc import SQLAlchemyError

from adapters.base import Account, Upstream
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.delivery.status import Status
from engine.delivery.types import Channel, ClaimedDelivery, Lease, Settlement, given_back
from engine.errors import place_of, words_of
from engine.facilities.credentials import Accounts
from engine.facilities.facilities import FacilityRow
from engine.failpoints import failpoint
from engine.limits.breaker import BreakerState, CircuitBreaker
from engine.limits.slots import ChannelSlots, Limits, SlotAllocator
from engine.outbox.cancel import cancel
from engine.outbox.claim import SUSPECT, begin, claim
from engine.outbox.reroute import UNKNOWN
from engine.sending import references
from engine.sending.account import account_or_close
from engine.sending.outcomes import Outcome
from engine.sending.prepare import Prepared, cancelled, prepare, scope_of
from engine.sending.send import Sender
from engine.sending.send_queue import SendQueue
from engine.sending.settlement_writer import SettlementWriter
from engine.specs import needs
from engine.specs.upstream import UpstreamSpec
from engine.telemetry import tracing
from engine.telemetry.metrics import metrics

LARGEST_BATCH = 200
SMALLEST_BATCH = 2  # With one, each claim of a record would be a full one, and call the other workers
QUICK = 0.2  # Seconds in which a batch should be sent: a quicker one makes the next larger, a slower one smaller

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What every drain of a worker shares."""

    database: Database
    catalog: Callable[[], Catalog]
    accounts: Accounts
    gate: CircuitBreaker
    settler: SettlementWriter
    courier: Sender
    worker: str
    leases: dict[int, Lease]
    full: Callable[[Channel, str], None]  # Told when a claim came back full: there is work for other workers too
    shares: SlotAllocator


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
        self.rung = asyncio.Event()
        self._facility = facility
        self._upstream_spec = upstream_spec
        self._upstream = upstream
        self._account = account
        self._context = context
        self._limits = Limits(upstream_spec.concurrency, upstream_spec.rate)
        # Requests that can begin at about once: when no more wait for their turn it is time to claim again.
        self._soon = 0
        self._batch = 0
        self._ready = SendQueue()
        self._open = 0
        self._probing = False
        self._stopping = False

    @property
    def in_flight(self) -> int:
        """Deliveries claimed and not yet settled."""
        return self._open

    def stop(self) -> None:
        """Begin nothing new; what is on its way ends."""
        self._stopping = True
        self.rung.set()

    async def run(self) -> None:
        """Work until nothing is due, the gate closes or `stop` is called."""
        senders: list[asyncio.Task[None]] = []
        try:
            share = await self._context.shares.join(self.channel, self._limits)
            senders += [asyncio.create_task(self._send_all(share)) for _ in range(self._limits.concurrency)]
            await self._fill(share)
        finally:
            self._ready.close()
            await asyncio.gather(*senders)
            self._context.shares.leave(self.channel)

    async def _fill(self, share: ChannelSlots) -> None:
        while not self._stopping:
            if not await share.has_part():  # what is claimed now could not be sent
                return
            self.rung.clear()
            if self._is_outdated():
                self.rung.set()
                return
            spec = self._upstream_spec
            account = await account_or_close(self._context.accounts, self._context.gate, self.channel, spec)
            if account is None:
                return
            self._account = account
            state = await self._context.gate.state(self.channel, spec.breaker, _patience(spec), idle=not self._open)
            if state is BreakerState.CLOSED:
                return
            if state is BreakerState.PROBE:
                await self._probe()
                continue
            await self._context.settler.room()
            self._soon = share.soon(QUICK)
            limit = self._batch = min(LARGEST_BATCH, max(self._soon, self._batch, SMALLEST_BATCH))
            claimed = await self._claim(limit)
            if claimed:
                await self._take(claimed)
                if claimed[0].deaths >= SUSPECT:  # alone until it is written: a death takes along what is not
                    await self._until_idle()
                    await self._context.settler.drained()
                elif len(claimed) == limit:
                    self._context.full(self.channel, claimed[-1].spec)
            elif self._open:
                await self.rung.wait()
            elif not self.rung.is_set():
                return

    def _is_outdated(self) -> bool:
        """The configuration was loaded anew: the next drain keeps to it."""
        return self._context.catalog().upstreams.get(self.channel.upstream) is not self._upstream_spec

    async def _probe(self) -> None:
        """One delivery, alone; what only waits or is faulty says nothing of the upstream, so on to the next."""
        self._probing, asked = True, False
        while not asked and not self._stopping and (claimed := await self._claim(1)):
            asked = await self._take(claimed)
            await self._until_idle()
        self._probing = False
        if not asked:
            await self._context.gate.unasked(self.channel, self._upstream_spec.breaker)

    async def _until_idle(self) -> None:
        while self._open:
            self.rung.clear()
            await self.rung.wait()

    async def _claim(self, limit: int) -> list[ClaimedDelivery]:
        failpoint("claiming")
        started = time.perf_counter()
        context, idle = self._context, not self._open and self._context.settler.is_idle
        claimed = await claim(context.database, self.channel, limit, context.worker, idle=idle)
        self._note("claim", claimed, started)
        failpoint("claimed")
        return claimed

    def _note(self, step: str, claimed: Sequence[ClaimedDelivery], started: float) -> None:
        seconds = time.perf_counter() - started
        metrics().step(step, seconds)
        if claimed:
            tracing.step(claimed[0].lease.id, step, seconds)

    async def _take(self, claimed: Sequence[ClaimedDelivery]) -> bool:
        """Prepare a batch and hand it to the senders; False if nothing of it can be sent."""
        lease = claimed[0].lease
        self._context.leases[lease.id] = lease
        self._open += len(claimed)
        try:
            started = time.perf_counter()
            ready, ended = await self._prepare(claimed)
            self._note("prepare", claimed, started)
            failpoint("prepared")
            if ready and not await begin(self._context.database, lease):
                self._lose(lease)
                return False
            failpoint("begun")
        except (SQLAlchemyError, OSError):  # nothing has left: the settler gives all back as soon as it can write
            for delivery in claimed:
                self._settle(given_back(delivery))
            raise
        except BaseException:
            self._lose(lease)
            raise
        for settlement in ended:
            self._settle(settlement)
        started = time.monotonic()
        for prepared in ready:
            self._ready.put(prepared)
        await self._ready.until_few(self._soon)
        self._size_up(time.monotonic() - started)
        return bool(ready)

    def _lose(self, lease: Lease) -> None:
        """Let the lease run out: a sweep takes back what is not settled."""
        self._open -= lease.outstanding
        self._context.leases.pop(lease.id, None)

    def _size_up(self, seconds: float) -> None:
        """Claim about as much as is sent in QUICK seconds: crashes then leave little in doubt."""
        if seconds < QUICK / 2:
            self._batch = min(LARGEST_BATCH, 2 * self._batch)
        elif seconds > QUICK:
            self._batch = self._batch // 2

    async def _prepare(self, claimed: Sequence[ClaimedDelivery]) -> tuple[list[Prepared], list[Settlement]]:
        """Render the batch: what can be sent, and the end of what cannot."""
        specs = self._context.catalog().specs
        pending, targets = [], []
        ready, ended = list[Prepared](), list[Settlement]()
        for delivery in claimed:
            spec = specs.get(delivery.spec)
            if spec is None:
                problem = UNKNOWN % delivery.spec
                ended.append(Settlement(delivery, Status.FAILED, in_doubt=delivery.in_doubt, problem=problem))
                continue
            if spec.upstream.name != self.channel.upstream:
                ended.append(replace(given_back(delivery), upstream=spec.upstream.name))
                continue
            try:
                scope = scope_of(spec, delivery, self._facility)
                wanted = needs.wanted(spec.needs_for(spec.operation_for(delivery.reference)), scope)
            except Exception as error:
                ended.append(_broken(delivery, error))
                continue
            pending.append((spec, delivery, scope, wanted))
            targets += needs.targets_of(wanted, delivery.facility_id)
        known = await references.look_up(self._context.database, targets, self._context.catalog().items)
        undone = {d.id: needs.undone(wanted, d.facility_id, known) for _, d, _, wanted in pending}
        gone = await cancel(self._context.database, [target for each in undone.values() for target in each])
        now = self._context.database.clock()
        for spec, delivery, scope, wanted in pending:
            if undone[delivery.id] and gone.issuperset(undone[delivery.id]):
                ended.append(cancelled(spec, delivery, now))
                continue
            resolved = needs.resolve(wanted, spec.needs, delivery.facility_id, known)
            try:
                result = prepare(spec, delivery, scope, resolved, self._upstream, now)
            except Exception as error:
                result = _broken(delivery, error)
            if isinstance(result, Prepared):
                ready.append(result)
            else:
                ended.append(result)
        return ready, ended

    async def _send_all(self, share: ChannelSlots) -> None:
        while (taken := await self._ready.next(share, self._may_begin)) is not None:
            prepared, entered = taken
            if not entered:
                self._settle(given_back(prepared.delivery))
                continue
            try:
                await self._send(prepared, share)
            finally:
                share.leave()

    async def _send(self, prepared: Prepared, share: ChannelSlots) -> None:
        if not self._may_begin(prepared):  # any longer: its turn may have been long in coming
            self._settle(given_back(prepared.delivery))
            return
        courier, probe, account = self._context.courier, self._probing, self._account
        outcome = await courier.deliver(prepared, self._upstream, account, share.turns.wait, probe=probe)
        await self._report(outcome, account.version, probe=probe)
        share.failures = self._context.gate.failures(self.channel)
        self._settle(outcome.settlement)

    async def _report(self, outcome: Outcome, version: int, *, probe: bool) -> None:
        """Tell the gate; what was refused with credentials that are replaced by now goes again with the new ones."""
        context, spec = self._context, self._upstream_spec
        try:
            if not await context.gate.report(
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

    def _may_begin(self, prepared: Prepared) -> bool:
        """Not while stopping, not under a lease that is about to end, not through a gate that closed meanwhile.

        The one probe comes through a closed gate, with nothing else claimed.
        """
        held = prepared.delivery.lease.lasts(self._context.database.clock())
        return not self._stopping and held and (self._probing or self._context.gate.is_open(self.channel))

    def _settle(self, settlement: Settlement) -> None:
        self._open -= 1
        self._context.settler.put(settlement)
        if self._open == 0:
            self.rung.set()


def _patience(spec: UpstreamSpec) -> float:
    """Seconds that a delivery may take: it is looked for and sent."""
    timeouts = spec.profile.timeouts
    return 2 * (timeouts.connect + timeouts.total)


def _broken(delivery: ClaimedDelivery, error: Exception) -> Settlement:
    """A poisonous record fails alone."""
    return Settlement(
        delivery, Status.FAILED, tries=delivery.tries, in_doubt=delivery.in_doubt, problem=words_of(error)
    )
