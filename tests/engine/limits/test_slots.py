"""Slots of a channel: several workers keep to the limit together while others join and leave."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Account, Call, Reply, Verdict
from engine.database.database import Database
from engine.delivery.types import Channel
from engine.facilities.facilities import FacilityRow
from engine.limits.rate import RateLimiter
from engine.limits.slots import KEEP_MS, LIFE_MS, VALID_MS, ChannelSlots, Limits, SlotAllocator
from engine.sending.attempts import AttemptRecorder
from engine.sending.settlement_writer import SettlementWriter
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub

pytestmark = pytest.mark.anyio

WHOLE = Limits(8, 20.0)


def alone(database: Database, facility: FacilityRow) -> ChannelSlots:
    """Return an allocator that has no share yet."""
    return ChannelSlots(WHOLE, database.clock, RateLimiter(database, Channel("ministry", facility.id), WHOLE.rate))


@given(st.integers(1, 50), st.integers(1, 60))
def test_the_parts_together_are_the_whole(concurrency: int, workers: int) -> None:
    parts = [Limits(concurrency, 10.0).part(rank, workers) for rank in range(workers)]
    assert sum(parts) == concurrency
    assert all(parts[:concurrency])


async def test_who_is_alone_has_all_of_it_at_once(database: Database, facility: FacilityRow) -> None:
    slots = await SlotAllocator(database, "one").join(Channel("ministry", facility.id), WHOLE)
    assert slots.slots == 8


async def test_a_newcomer_waits_until_the_others_keep_to_less(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    [one, two] = [await allocator.join(channel, WHOLE) for allocator in (first, second)]
    assert (one.slots, two.slots) == (8, 0)
    assert not await two.acquire()
    for allocator in (first, second):
        await allocator.refresh()
    assert (one.slots, two.slots) == (4, 4)


async def test_a_newcomer_gets_nothing_that_is_still_in_use(database: Database, facility: FacilityRow) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    one = await first.join(channel, WHOLE)
    for _ in range(7):
        await one.acquire()
    two = await second.join(channel, WHOLE)
    for allocator in (first, second):
        await allocator.refresh()
    assert (one.slots, two.slots) == (4, 1)


async def test_who_has_nothing_to_do_leaves_room_for_a_newcomer(database: Database, facility: FacilityRow) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    one = await first.join(channel, WHOLE)
    first.leave(channel)
    await first.refresh()
    two = await second.join(channel, WHOLE)
    assert (one.slots, two.slots) == (4, 4)


async def test_who_ends_or_dies_leaves_the_part_to_the_others(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    allocators = [SlotAllocator(database, name) for name in ("one", "two", "three")]
    [one, _, _] = [await allocator.join(channel, WHOLE) for allocator in allocators]
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
    one = await SlotAllocator(database, "one").join(channel, WHOLE)
    clock.pass_(LIFE_MS / 1000 + 1)
    two = await SlotAllocator(database, "two").join(channel, WHOLE)
    assert two.slots == 8
    assert not await one.acquire()


async def test_what_is_not_drained_any_more_is_left(database: Database, facility: FacilityRow, clock: Clock) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    await first.join(channel, WHOLE)
    first.leave(channel)
    clock.pass_(KEEP_MS / 1000)
    await first.refresh()
    assert (await second.join(channel, WHOLE)).slots == 8


async def test_what_is_being_drained_is_never_left_however_slow_it_is(
    database: Database, facility: FacilityRow, clock: Clock
) -> None:
    channel = Channel("ministry", facility.id)
    first, second = SlotAllocator(database, "one"), SlotAllocator(database, "two")
    one = await first.join(channel, WHOLE)
    for _ in range(20):
        clock.pass_(5)
        await first.refresh()
    assert (await second.join(channel, WHOLE)).slots == 0
    await first.refresh()
    assert one.slots == 4


async def test_other_limits_hold_at_once_and_for_what_is_in_flight(database: Database, facility: FacilityRow) -> None:
    channel, allocator = Channel("ministry", facility.id), SlotAllocator(database, "one")
    slots = await allocator.join(channel, WHOLE)
    for _ in range(3):
        await slots.acquire()
    allocator.leave(channel)
    assert await allocator.join(channel, Limits(2, 5.0)) is slots
    assert (slots.slots, slots.reserved) == (2, 3)


@pytest.mark.parametrize("seed", range(4))
async def test_together_they_never_hold_more_than_the_whole(
    database: Database, facility: FacilityRow, clock: Clock, seed: int
) -> None:
    channel, rng = Channel("ministry", facility.id), random.Random(seed)
    living = {n: (SlotAllocator(database, str(n)), clock.now) for n in range(4)}
    held: dict[int, ChannelSlots] = {}
    for step in range(150):
        n = rng.choice(list(living))
        allocator, heard = living[n]
        match rng.choice(["join", "leave", "refresh", "begin", "begin", "end", "die"]):
            case "join":
                held[n] = await allocator.join(channel, WHOLE)
            case "leave" if n in held and held[n].drained and not held[n].used:
                allocator.leave(channel)
            case "refresh":
                await allocator.refresh()
                living[n] = allocator, clock.now
            case "begin" if n in held and held[n].slots > held[n].used:
                await held[n].acquire()
            case "end" if n in held and held[n].used:
                held[n].release()
            case "die" if rng.random() < 0.2:
                del living[n]
                held.pop(n, None)
                living[1000 + step] = SlotAllocator(database, str(1000 + step)), clock.now
        clock.pass_(rng.random())
        for other, (allocator, heard) in living.items():
            if clock.now - heard > VALID_MS // 2:
                await allocator.refresh()
                living[other] = allocator, clock.now
        assert sum(max(slots.slots, slots.used) for slots in held.values()) <= WHOLE.concurrency


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
        await SlotAllocator(antar.hub.database, f"older-{n}").join(antar.channel, Limits(4, None))
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work_once()
    assert await antar.status("Visit", "V1") == "queued"


async def test_a_drain_ends_when_the_configuration_is_loaded_anew(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    drain = antar.drain(SettlementWriter(antar.hub.database, antar.rung.add))
    antar.hub.reload()
    await drain.run()
    assert await antar.status("Visit", "V1") == "queued"
    assert drain.rung.is_set()


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
    slots = await SlotAllocator(database, "one").join(Channel("ministry", facility.id), limits)
    assert slots.soon(0.2) == soon
