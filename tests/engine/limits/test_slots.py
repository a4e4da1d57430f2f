"""Slots of a channel: several workers keep to the limit together while others join and leave."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from adapters.base import Account, Call, Reply, Verdict
from engine.database.database import Database
from engine.delivery.types import Channel, ClaimedDelivery, NewRecord, Signal, given_back
from engine.facilities.facilities import FacilityRow
from engine.limits.rate import RateLimiter
from engine.limits.slot_allocator import KEEP_MS, VALID_MS, SlotAllocator
from engine.limits.slots import ChannelSlots, Limits
from engine.outbox.add import Batch, add
from engine.outbox.claim import LIFE_MS, begin, claim, heartbeat
from engine.outbox.settle import settle
from engine.sending.attempts import AttemptRecorder
from engine.sending.settlement_writer import SettlementWriter
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

WHOLE = Limits(8, 20.0)


def alone(database: Database, facility: FacilityRow) -> ChannelSlots:
    """Return an allocator that has no share yet."""
    return ChannelSlots(WHOLE, database.clock, RateLimiter(database, Channel("ministry", facility.id), WHOLE.rate))


async def join(allocator: SlotAllocator, channel: Channel, limits: Limits) -> ChannelSlots:
    """Return the slots of a worker that joins a channel and knows of another worker there."""
    slots = await allocator.join(channel, limits)
    await allocator.share(channel)
    return slots


@given(st.integers(1, 50), st.integers(1, 60))
def test_the_parts_together_are_the_whole(concurrency: int, workers: int) -> None:
    parts = [Limits(concurrency, 10.0).part(rank, workers) for rank in range(workers)]
    assert sum(parts) == concurrency
    assert all(parts[:concurrency])


async def test_who_is_alone_has_all_of_it_at_once(database: Database, facility: FacilityRow) -> None:
    slots = await join(SlotAllocator(database, "one"), Channel("ministry", facility.id), WHOLE)
    assert slots.slots == 8


async def test_a_newcomer_waits_until_the_others_keep_to_less(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    [one, two] = [await join(allocator, channel, WHOLE) for allocator in (first, second)]
    assert (one.slots, two.slots) == (8, 0)
    assert not await two.acquire()
    for allocator in (first, second):
        await allocator.refresh()
    assert (one.slots, two.slots) == (4, 4)


async def test_a_newcomer_gets_nothing_that_is_still_in_use(database: Database, facility: FacilityRow) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    one = await join(first, channel, WHOLE)
    for _ in range(7):
        await one.acquire()
    two = await join(second, channel, WHOLE)
    for allocator in (first, second):
        await allocator.refresh()
    assert (one.slots, two.slots) == (4, 1)


async def test_who_has_nothing_to_do_leaves_room_for_a_newcomer(database: Database, facility: FacilityRow) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    one = await join(first, channel, WHOLE)
    first.leave(channel)
    await first.refresh()
    two = await join(second, channel, WHOLE)
    assert (one.slots, two.slots) == (4, 4)


async def test_who_ends_or_dies_leaves_the_part_to_the_others(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    allocators = [SlotAllocator(database, name) for name in ("one", "two", "three")]
    [one, _, _] = [await join(allocator, channel, WHOLE) for allocator in allocators]
    await allocators[1].end()
    await allocators[0].refresh()
    assert one.slots == 4
    clock.pass_(LIFE_MS / 1000 + 1)
    await allocators[0].refresh()
    assert one.slots == 8


async def test_who_was_not_heard_of_begins_nothing_when_others_have_its_part(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    one = await join(SlotAllocator(database, "one"), channel, WHOLE)
    clock.pass_(LIFE_MS / 1000 + 1)
    two = await join(SlotAllocator(database, "two"), channel, WHOLE)
    assert two.slots == 8
    assert not await one.acquire()


async def test_what_is_not_drained_any_more_is_left(database: Database, facility: FacilityRow, clock: Clock) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    await join(first, channel, WHOLE)
    first.leave(channel)
    clock.pass_(KEEP_MS / 1000)
    await first.refresh()
    assert (await join(second, channel, WHOLE)).slots == 8


async def test_a_channel_is_given_up_by_nobody_who_drains_it_but_shared_only_while_others_are_there(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    one, two = await join(first, channel, WHOLE), await join(second, channel, WHOLE)
    for _ in range(3):
        clock.pass_(5)
        for allocator in (first, second):
            await allocator.refresh()
    assert (one.slots, two.slots, one.shared) == (4, 4, True)
    await second.end()
    for _ in range(4):
        clock.pass_(5)
        await first.refresh()
    assert (one.slots, one.shared) == (8, False)


async def test_other_limits_hold_at_once_and_for_what_is_in_flight(database: Database, facility: FacilityRow) -> None:
    channel, allocator = Channel("ministry", facility.id), SlotAllocator(database, "one")
    slots = await join(allocator, channel, WHOLE)
    for _ in range(3):
        await slots.acquire()
    allocator.leave(channel)
    assert await join(allocator, channel, Limits(2, 5.0)) is slots
    assert (slots.slots, slots.reserved) == (2, 3)


class ModelWorker:
    """A worker as the database sees it: it claims, begins, sends within its slots, settles, and is heard of."""

    def __init__(self, database: Database, name: str, channel: Channel) -> None:
        self.allocator = SlotAllocator(database, name)
        self.slots: ChannelSlots | None = None
        self.begun: list[ClaimedDelivery] = []
        self._database, self._name, self._channel = database, name, channel

    @property
    def used(self) -> int:
        return self.slots.used if self.slots else 0

    async def claim(self, limit: int) -> None:
        self.slots = self.slots or await self.allocator.join(self._channel, WHOLE)
        if not self.slots.slots:
            return
        claimed = await claim(self._database, self._channel, limit, self._name, in_flight=len(self.begun))
        begun = await begin(self._database, claimed[0].lease) if claimed else None
        if begun is not None and begun.shared:
            await self.allocator.share(self._channel)
        self.begun += claimed if begun is not None else []

    async def send(self) -> None:
        if self.slots and self.slots.slots > self.used < len(self.begun):
            await self.slots.acquire()

    async def end(self) -> None:
        if self.slots and self.used:
            self.slots.release()
            await self._give_back(1)

    async def leave(self) -> None:
        if self.slots and not self.used:
            await self._give_back(len(self.begun))
            self.allocator.leave(self._channel)
            self.slots = None

    async def beat(self) -> None:
        at = self._database.clock()
        await heartbeat(self._database, list({row.lease.id: row.lease for row in self.begun}.values()))
        self.allocator.beat(at)
        await self.allocator.refresh()

    async def _give_back(self, count: int) -> None:
        done, self.begun = self.begun[:count], self.begun[count:]
        await settle(self._database, [given_back(row) for row in done])


@pytest.mark.parametrize("seed", range(4))
async def test_together_they_never_send_more_than_the_whole(
    database: Database, facility: FacilityRow, clock: Clock, seed: int
) -> None:
    channel, rng = Channel("ministry", facility.id), random.Random(seed)
    entries = [NewRecord(f"V{n}", "2026-03-10", "{}", "hash") for n in range(200)]
    await add(database, Batch(facility.id, "Visit", "ministry", updatable=True), entries)
    workers = [ModelWorker(database, str(n), channel) for n in range(3)]
    busiest = together = 0
    for step in range(200):
        worker = rng.choice(workers)
        match rng.choice(["claim", "send", "send", "send", "send", "end", "end", "leave", "beat", "die"]):
            case "claim":
                await worker.claim(rng.choice([1, 3, 12]))
            case "send":
                await worker.send()
            case "end":
                await worker.end()
            case "leave":
                await worker.leave()
            case "beat":
                await worker.beat()
            case "die" if rng.random() < 0.1:
                workers[workers.index(worker)] = ModelWorker(database, f"after {step}", channel)
        clock.pass_(rng.random() / 2)
        if step % 8 == 0:
            for other in workers:
                await other.beat()
        used = [other.used for other in workers]
        busiest, together = max(busiest, sum(used)), together + (sum(map(bool, used)) > 1)
        assert sum(used) <= WHOLE.concurrency
    assert busiest > WHOLE.concurrency // 2, "else nothing was tried"
    assert together > 20, "else nothing was shared"


async def test_a_worker_that_is_alone_writes_nothing_but_its_leases(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    worker = ModelWorker(database, "one", Channel("ministry", facility.id))
    await add(
        database,
        Batch(facility.id, "Visit", "ministry", updatable=True),
        [NewRecord("V1", "2026-03-10", "{}", "hash")],
    )
    await worker.claim(5)
    await worker.beat()
    assert worker.slots is not None
    assert worker.slots.slots == 8
    assert await database.fetch(text("SELECT COUNT(*) FROM drains")) == [(0,)]


async def test_a_worker_that_was_not_heard_of_sends_nothing_where_it_was_alone(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    slots = await SlotAllocator(database, "one").join(Channel("ministry", facility.id), WHOLE)
    clock.pass_(VALID_MS / 1000)
    assert not await slots.acquire()


async def test_a_worker_that_comes_while_another_gives_up_its_part_is_seen(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    one = await join(first, channel, WHOLE)
    clock.pass_(KEEP_MS / 1000 + 1)
    await asyncio.gather(first.refresh(), first.share(channel))
    assert one.shared
    assert one.slots + (await join(second, channel, WHOLE)).slots <= WHOLE.concurrency


async def test_a_probe_that_got_no_slot_is_given_back(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.limits.slots.REFRESH_SECONDS", 0.001)
    breaker = antar.hub.catalog.upstreams["ministry"].breaker
    await antar.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await antar.breaker.report(antar.channel, breaker, Signal.THROTTLED, "", 1)
    antar.clock.pass_(breaker.pause)
    await claim(antar.hub.database, antar.channel, 1, "other", in_flight=WHOLE.concurrency, probe=True)
    await antar.work_once()
    assert antar.ministry.calls == []
    closed = await antar.breaker.closed(antar.channel)
    assert closed is not None
    assert closed.probe_at == antar.clock() + int(breaker.pause * 1000)


async def test_failures_of_an_earlier_drain_take_slots_away_in_the_next_one(
    antar: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 2
    for n in range(2):
        await antar.hand_in("Visit", {"id": f"V{n}"})
        await antar.work_once()
    failures = list[int]()
    monkeypatch.setattr(SlotAllocator, "leave", lambda self, channel: failures.append(self._channels[channel].failures))
    await antar.work_once()
    assert failures == [2]


async def test_no_more_than_its_part_is_in_flight(database: Database, facility: FacilityRow) -> None:
    slots, inside, most = alone(database, facility), 0, 0
    slots.set(3, database.clock() + VALID_MS)

    async def one() -> None:
        nonlocal inside, most
        await slots.acquire()
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        slots.release()

    await asyncio.gather(*(one() for _ in range(20)))
    assert most == 3


async def test_each_failure_in_a_row_takes_a_slot_away_but_the_last(database: Database, facility: FacilityRow) -> None:
    slots = alone(database, facility)
    slots.set(4, database.clock() + VALID_MS)
    slots.failures = 9
    await slots.acquire()
    another = asyncio.create_task(slots.acquire())
    await asyncio.sleep(0)
    assert not another.done()
    slots.failures = 0
    slots.release()
    assert await another


async def test_a_worker_without_a_part_claims_nothing(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.limits.slots.REFRESH_SECONDS", 0.001)
    for n in range(4):
        await join(SlotAllocator(antar.hub.database, f"older-{n}"), antar.channel, Limits(4, None))
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work_once()
    assert await antar.status("Visit", "V1") == "queued"


async def test_a_drain_ends_when_the_configuration_is_loaded_anew(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    drain = antar.drain(SettlementWriter(antar.hub.database, antar.rung.add))
    antar.hub.reload()
    await drain.run()
    assert await antar.status("Visit", "V1") == "queued"
    assert drain.rung


async def test_every_further_request_of_a_delivery_waits_for_its_turn(antar: SmallHub) -> None:
    turns = list[int]()

    async def turn() -> None:
        turns.append(len(antar.ministry.calls))

    exchange = AttemptRecorder(antar.ministry, Account(1, "http://ministry"), "", antar.clock, turn)
    for _ in range(3):
        await exchange.ask(Call("GET", "/Visit"), "find")
    assert turns == [1, 2]


async def test_a_request_whose_turn_nobody_can_tell_is_not_made(antar: SmallHub) -> None:
    async def turn() -> None:
        raise ConnectionRefusedError

    exchange = AttemptRecorder(antar.ministry, Account(1, "http://ministry"), "", antar.clock, turn)
    [_, reply] = [await exchange.ask(Call("GET", "/Visit"), "find") for _ in range(2)]
    assert (reply.verdict, reply.sent, len(antar.ministry.calls)) == (Verdict.UNAVAILABLE, False, 1)


async def test_a_socket_that_breaks_in_a_request_is_not_taken_for_the_database(antar: SmallHub) -> None:
    def broken(call: Call) -> Reply:
        raise ConnectionResetError

    antar.ministry.script = [broken]
    exchange = AttemptRecorder(antar.ministry, Account(1, "http://ministry"), "", antar.clock, asyncio.Event().wait)
    with pytest.raises(ConnectionResetError):
        await exchange.ask(Call("POST", "/Visit", body=b"{}"), "create")


@pytest.mark.parametrize(("limits", "soon"), [(Limits(8, None), 8), (Limits(8, 20.0), 3), (Limits(8, 0.5), 0)])
async def test_no_more_is_held_ready_than_the_rate_lets_begin_soon(
    database: Database, facility: FacilityRow, limits: Limits, soon: int
) -> None:
    slots = await join(SlotAllocator(database, "one"), Channel("ministry", facility.id), limits)
    assert slots.soon(0.2) == soon
