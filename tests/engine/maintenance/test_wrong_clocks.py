"""Jumping clocks: nothing is destroyed, and times written by a wrong clock delay nothing once it is right again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine import due_times
from engine.code_lists import synchronisations
from engine.database.database import Database
from engine.database.tables import Base
from engine.database.transaction import ModelTransaction
from engine.due_times import heal
from engine.limits.rate import RateLimiter
from engine.limits.slot_allocator import SlotAllocator
from engine.limits.slots import Limits
from engine.maintenance.clock_watch import SHORTEST_WAIT_MS, WAIT_MS, ClockWatch, note_time
from engine.maintenance.retention import AttemptRetention
from engine.outbox.claim import claim
from engine.outbox.delayed_resend import schedule_resend
from engine.outbox.pauses.lanes import keep_lanes
from engine.outbox.pauses.pauses import AUTOMATIC, NewPause, begin, end, open_pauses
from engine.outbox.reclaim import reclaim
from engine.problems import reviews
from engine.sending.refused_paths import PAUSE_SECONDS
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio

DAY, HOUR = 86_400.0, 3_600.0
NOT_DUE = {
    "tokens.expires_at",  # the upstream says no as soon as it has ended
    "api_keys.expires_at",  # a person chose it
    "turns.next_at",  # engine.limits.rate heals it itself
    "installation.prune_after",  # engine.maintenance.clock_watch heals it itself
}


class Machine:
    """A machine with a worker: time passes on both clocks, and only the wall clock jumps."""

    def __init__(self, antar: SmallHub) -> None:
        self.antar = antar
        self.uptime = 0
        self.watch = self.start()

    def start(self) -> ClockWatch:
        self.watch = ClockWatch(self.antar.hub.database, lambda: self.uptime)
        return self.watch

    def pass_(self, seconds: float) -> None:
        self.antar.clock.pass_(seconds)
        self.uptime += int(seconds * 1000)

    def jump(self, seconds: float) -> None:
        self.antar.clock.pass_(seconds)

    async def work(self) -> bool:
        """Do a worker's work of one minute; return whether it pruned."""
        database = self.antar.hub.database
        await database.write(lambda tx: note_time(tx, tx.now))
        now = await self.watch.time_to_prune()
        if now is None:
            return False
        await AttemptRetention(database, lambda: self.antar.hub.catalog, None, _no_sleep).tick(now)
        await self.watch.pruned()
        return True


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
def machine(antar: SmallHub) -> Machine:
    return Machine(antar)


async def deliver(antar: SmallHub, key: str) -> None:
    await antar.hand_in("Visit", {"id": key})
    await antar.work()


async def bodies(antar: SmallHub) -> list[bool]:
    rows = await antar.hub.database.fetch(text("SELECT request FROM attempts ORDER BY id"))
    return [row.request is not None for row in rows]


async def waits_until(database: Database) -> int | None:
    [row] = await database.fetch(text("SELECT prune_after FROM installation"))
    return int(row.prune_after) if row.prune_after is not None else None


async def test_a_hundred_days_ahead_for_45_seconds_prune_nothing(antar: SmallHub, machine: Machine) -> None:
    await deliver(antar, "V1")
    assert await machine.work()
    machine.jump(100 * DAY)
    for _ in range(9):
        assert not await machine.work()
        machine.pass_(5)
    machine.jump(-100 * DAY)
    assert not await machine.work()
    assert await bodies(antar) == [True]
    machine.pass_(WAIT_MS / 1000)
    assert await machine.work()
    assert await bodies(antar) == [True]
    assert await waits_until(antar.hub.database) is None


async def test_a_machine_that_was_off_for_four_days_prunes_within_the_postponement(
    antar: SmallHub, machine: Machine
) -> None:
    await deliver(antar, "V1")
    machine.pass_(87 * DAY)
    assert await machine.work()
    antar.clock.pass_(4 * DAY)
    machine.uptime = 0
    await machine.start().begin()
    assert not await machine.work()
    assert await bodies(antar) == [True]
    machine.pass_(WAIT_MS / 1000)
    assert await machine.work()
    assert await bodies(antar) == [False]


async def test_a_night_without_power_postpones_nothing(antar: SmallHub, machine: Machine) -> None:
    assert await machine.work()
    antar.clock.pass_(15 * HOUR)
    await machine.start().begin()
    assert await machine.work()


async def test_a_clock_that_is_wrong_at_the_start_and_set_before_the_next_one_prunes_nothing(
    antar: SmallHub, machine: Machine
) -> None:
    await deliver(antar, "V1")
    assert await machine.work()
    for seconds in (100 * DAY, -100 * DAY):
        antar.clock.pass_(seconds)
        await machine.start().begin()
        assert not await machine.work()
    until = await waits_until(antar.hub.database)
    assert until is not None
    assert until <= antar.clock.now + WAIT_MS


async def test_what_is_postponed_again_and_again_is_pruned_all_the_same(antar: SmallHub, machine: Machine) -> None:
    """A machine that is on for half an hour once a week."""
    assert await machine.work()
    pruned = []
    for _ in range(9):
        antar.clock.pass_(7 * DAY)
        await machine.start().begin()
        machine.pass_(HOUR / 2)
        pruned.append(await machine.work())
    assert (pruned[0], any(pruned)) == (False, True)


async def test_one_jump_that_several_workers_see_counts_once(antar: SmallHub) -> None:
    machines = [Machine(antar) for _ in range(4)]
    antar.clock.pass_(30 * DAY)
    assert {await machine.work() for machine in machines} == {False}
    assert await waits_until(antar.hub.database) == antar.clock.now + WAIT_MS


async def test_the_pause_gets_shorter_down_to_the_least(antar: SmallHub, machine: Machine) -> None:
    for _ in range(30):
        machine.jump(2 * DAY)
        await machine.watch.look()
    assert await waits_until(antar.hub.database) == antar.clock.now + SHORTEST_WAIT_MS


async def test_a_small_jump_postpones_nothing(antar: SmallHub, machine: Machine) -> None:
    machine.jump(2 * HOUR)
    assert await machine.watch.look() == 2 * HOUR * 1000
    assert await machine.work()


async def test_pruning_keeps_to_the_time_it_began_with(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    await deliver(antar, "V1")
    pruning = AttemptRetention(antar.hub.database, lambda: antar.hub.catalog, None, _no_sleep)
    now = antar.clock.now
    antar.clock.pass_(100 * DAY)
    await pruning.tick(now)
    assert await bodies(antar) == [True]


async def test_tries_of_a_clock_that_was_ahead_hold_up_no_others(antar: SmallHub) -> None:
    await deliver(antar, "V1")
    antar.clock.pass_(100 * DAY)
    await deliver(antar, "V2")
    antar.clock.pass_(-100 * DAY)
    await deliver(antar, "V3")
    antar.clock.pass_(91 * DAY)
    await AttemptRetention(antar.hub.database, lambda: antar.hub.catalog, None, _no_sleep).tick()
    assert await bodies(antar) == [False, False, False]


async def test_what_was_paused_by_a_clock_that_was_ahead_stays_paused_until_a_person_goes_on(antar: SmallHub) -> None:
    database = antar.hub.database
    antar.clock.pass_(30 * DAY)
    await antar.hand_in("Visit", {"id": "V1"})
    begun = await begin(database, NewPause(antar.facility.id, "ministry", "uji", ("Visit",)), "sari")
    await keep_lanes(database)
    antar.clock.pass_(-30 * DAY)
    await heal(database, antar.hub.catalog)
    [pause] = await open_pauses(database, antar.facility.id)
    assert ([pause.id], pause.is_current(antar.clock())) == (begun, True)
    await end(database, pause.id, "sari")
    await antar.work()
    await heal(database, antar.hub.catalog)
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"


async def test_thirty_days_ahead_and_back_nothing_waits_longer_than_its_rule(antar: SmallHub) -> None:
    database, clock = antar.hub.database, antar.clock
    antar.clock.pass_(30 * DAY)
    await _fill_all(antar)
    antar.clock.pass_(-30 * DAY)
    healed = await heal(database, antar.hub.catalog)
    assert healed >= len(list(due_times.rules(antar.hub.catalog, [antar.channel])))
    for rule in due_times.rules(antar.hub.catalog, [antar.channel]):
        table = rule.column.partition(".")[0]
        [(latest,)] = await database.fetch(text(f"SELECT MAX({rule.column}) FROM {table}"))
        assert latest is not None, f"nothing is in {rule.column}"
        assert latest <= clock.now + max(rule.max_ms, rule.keep_ms), rule.column
    assert await heal(database, antar.hub.catalog) == 0
    clock.pass_(61)
    assert await reclaim(database) == {antar.channel}
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"


async def _fill_all(antar: SmallHub) -> None:
    """Write a future time into every column that can hold one, as the product does."""
    database, facility = antar.hub.database, antar.facility.id
    antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503, retry_after=600.0), refused(Verdict.REJECTED, 400)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hub.database.write_models(lambda tx: tx.execute(text("UPDATE channels SET probe_at = 0")))
    await antar.hand_in("Visit", {"id": "V2"})
    await antar.work()
    await schedule_resend(database, facility, (await antar.row("Visit", "V2")).id, "sari")
    await antar.hand_in("Visit", {"id": "V3"})
    assert await claim(database, antar.channel, 1, "dead")
    path = NewPause(facility, "ministry", "menolak", ("Finding",), ends_at=antar.clock.now + PAUSE_SECONDS[0] * 1000)
    assert isinstance(await begin(database, path, AUTOMATIC), list)
    await synchronisations.begin(database, facility, "doctors", "sari")
    await synchronisations.lease_next(database)
    assert await reviews.lease(database, reviews.NOT_REVIEWED)
    await antar.breaker.close_without_account(antar.channel, "belum lengkap")
    names: dict[str, Any] = {"facility": facility, "later": antar.clock.now + 60_000}
    for statement in _LATER:
        await database.write_models(ModelTransaction.execute, text(statement), names)


_LATER = (
    "INSERT INTO tokens (facility_id, upstream, expires_at, refused_at, refusal, lease_until) "
    "VALUES (:facility, 'other', 0, 0, '', :later)",
    "INSERT INTO drains (upstream, facility_id, worker, since, until, held) "
    "VALUES ('other', :facility, 'dead', :later, :later, 4)",
    "INSERT INTO synchronisations (facility_id, list, actor, state, started_at, held_until, ended_at, total, done, "
    '"offset", added, changed, gone, tries, retry_at) '
    "VALUES (:facility, 'failing', 'x', 'failed', :later, 0, :later, 0, 0, 0, 0, 0, 0, 3, :later)",
    "INSERT INTO inbound_requests (facility_id, inbound, operation, card, at, content, answer, code, due_at, tries) "
    "VALUES (:facility, 'x', 'x', '', 0, '{}', '{}', 200, :later, 0)",
    "INSERT INTO alert_recipients (facility_id, name, way, address, enabled, quiet_from, quiet_until, waiting_minutes, "
    "failure_percent, digest_at, digest_on, known, mark, held_until, fails, again_at, problem, created_at) "
    "VALUES (:facility, 'x', 'email', 'x', false, '', '', 0, 0, '', '', '[]', 0, :later, 0, :later, '', 0)",
    "INSERT INTO clinic_sources (facility_id, source, state, from_day, actor, changed_at, holder, held_until, tries, "
    "retry_at, agreed_until) VALUES (:facility, 'x', 'running', '2026-03-10', 'x', 0, 'dead', :later, 1, :later, 0)",
    "INSERT INTO source_rounds (facility_id, source, read, days, first_day, last_day, due_at) "
    "VALUES (:facility, 'x', 'x', 2, '', '', :later)",
    "INSERT INTO jobs (facility_id, upstream, action, chosen, reason, actor, state, total, done, skipped, created_at, "
    "starts_at) VALUES (:facility, 'ministry', 'mend', '{}', '', 'x', 'running', 0, 0, 0, 0, :later)",
    "INSERT INTO value_rules (facility_id, spec, place, old, new, actor, reason, job_id, created_at, starts_at) "
    "VALUES (:facility, 'Visit', 'note', '1', '2', 'x', '', 1, 0, :later)",
    "INSERT INTO status_positions (facility_id, account, attempt_id, visible_id, seen_id, seen_at, due_at, tries) "
    "VALUES (:facility, 'x', 0, 0, 0, 0, :later, 0)",
)


async def test_every_column_that_tells_a_time_to_come_has_its_rule(antar: SmallHub) -> None:
    ruled = {rule.column for rule in due_times.rules(antar.hub.catalog, [])}
    names = (
        "due_at",
        "until",
        "held_until",
        "lease_until",
        "again_at",
        "probe_at",
        "next_at",
        "expires_at",
        "retry_at",
    )
    columns = {f"{t.name}.{c.name}" for t in Base.metadata.sorted_tables for c in t.columns if c.name in names}
    assert columns - NOT_DUE <= ruled


async def test_turns_that_were_reserved_ahead_of_a_jump_back_are_let_go(antar: SmallHub) -> None:
    limiter = RateLimiter(antar.hub.database, antar.channel, 100.0)
    antar.clock.pass_(30 * DAY)
    await limiter.take(behind=5)
    antar.clock.pass_(-30 * DAY)
    assert await limiter.take() < 61


async def test_a_share_kept_ahead_of_a_jump_back_is_given_up(antar: SmallHub, clock: Clock) -> None:
    allocator = SlotAllocator(antar.hub.database, "worker")
    clock.pass_(30 * DAY)
    upstream = antar.hub.catalog.upstreams["ministry"]
    await allocator.join(antar.channel, Limits(upstream.concurrency, upstream.rate))
    allocator.leave(antar.channel)
    clock.pass_(-30 * DAY)
    await allocator.refresh()
    assert await antar.hub.database.fetch(text("SELECT 1 FROM drains")) == []
