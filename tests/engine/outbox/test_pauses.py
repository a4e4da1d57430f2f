"""Pauses: what is paused is not claimed, not lost, and due at once and in order when the pause ends."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from engine.alerts.conditions import ConditionKind, Thresholds, troubles
from engine.alerts.facts import facts
from engine.delivery.status import PAUSED_LANES, Status
from engine.delivery.types import Channel, Signal
from engine.facilities.facilities import add_facility
from engine.health import channels
from engine.outbox.claim import claim
from engine.outbox.pauses import lanes, pauses
from engine.outbox.pauses.lanes import keep_lanes
from engine.outbox.pauses.pauses import NewPause, PauseFault
from engine.outbox.resend import ignore, resend
from engine.outbox.sweep import due_channels, oldest_due
from engine.specs.upstream import Breaker
from tests.engine.small_hub import SmallHub, accepted

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000


async def pause(antar: SmallHub, *specs: str, **more: object) -> int:
    """Begin a pause of types, or of the whole upstream, in the clinic."""
    new = NewPause(antar.facility.id, "ministry", "pemeliharaan", specs, **more)  # type: ignore[arg-type]
    ids = await pauses.begin(antar.hub.database, new, "sari")
    assert isinstance(ids, list), ids
    return ids[0]


async def lanes_of(antar: SmallHub, spec: str) -> list[int]:
    rows = await antar.hub.database.fetch(text(f"SELECT lane FROM deliveries WHERE spec = '{spec}' ORDER BY id"))
    return [row.lane for row in rows]


async def test_a_paused_type_waits_and_the_others_of_its_upstream_are_sent(antar: SmallHub) -> None:
    await pause(antar, "Visit")
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await antar.work()
    assert await antar.status("Visit", "V1") == Status.QUEUED
    assert await antar.status("Person", "P1") == Status.SENT
    assert await due_channels(antar.hub.database) == set()


async def test_what_was_paused_is_sent_in_order_when_a_person_goes_on(antar: SmallHub) -> None:
    id_ = await pause(antar, "Visit")
    for n in range(5):
        antar.clock.pass_(1)
        await antar.hand_in("Visit", {"id": f"V{n}"})
    await antar.work()
    assert set(await lanes_of(antar, "Visit")) == {PAUSED_LANES}
    assert await pauses.end(antar.hub.database, id_, "budi")
    assert await keep_lanes(antar.hub.database) == {antar.channel}
    await antar.work()
    assert [payload["identifier"] for payload in antar.ministry.posts] == [f"V{n}" for n in range(5)]


async def test_the_clock_ends_a_pause_and_the_channel_is_rung(antar: SmallHub) -> None:
    await pause(antar, "Visit", ends_at=antar.clock() + HOUR_MS)
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(3600)
    assert await keep_lanes(antar.hub.database) == {antar.channel}
    await antar.work()
    assert await antar.status("Visit", "V1") == Status.SENT
    [ended] = await pauses.ended_pauses(antar.hub.database, antar.facility.id, 9)
    assert (ended.ended_at, ended.ended_by) == (ended.ends_at, None)


async def test_a_whole_upstream_is_paused_without_moving_anything(antar: SmallHub) -> None:
    id_ = await pause(antar)
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await lanes_of(antar, "Visit") == [0]
    assert await due_channels(antar.hub.database) == set()
    await pauses.end(antar.hub.database, id_, "sari")
    assert await due_channels(antar.hub.database) == {antar.channel}


async def test_a_planned_pause_begins_by_the_clock(antar: SmallHub) -> None:
    begins = antar.clock() + HOUR_MS
    await pause(antar, "Visit", begins_at=begins, ends_at=begins + HOUR_MS)
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == Status.SENT
    antar.clock.pass_(3600)
    await antar.hand_in("Visit", {"id": "V2"})
    await antar.work()
    assert await antar.status("Visit", "V2") == Status.QUEUED


async def test_what_is_being_sent_ends_and_what_it_leaves_due_is_paused(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    [claimed] = await claim(antar.hub.database, antar.channel, 1, "worker")
    await pause(antar, "Visit")
    await keep_lanes(antar.hub.database)
    assert (claimed.key, await lanes_of(antar, "Visit")) == ("V1", [0])
    antar.clock.pass_(120)  # its worker died: another sweep takes it back
    await antar.work()
    assert antar.ministry.calls == []
    assert await lanes_of(antar, "Visit") == [PAUSED_LANES]


async def test_a_probe_of_a_closed_channel_takes_nothing_that_is_paused(antar: SmallHub) -> None:
    await pause(antar)
    await antar.hand_in("Visit", {"id": "V1"})
    assert await claim(antar.hub.database, antar.channel, 1, "worker", probe=True) == []


async def test_an_installation_is_paused_in_all_its_clinics(antar: SmallHub) -> None:
    other = await add_facility(antar.hub.database, "lain", "Lain")
    await pauses.begin(antar.hub.database, NewPause(None, "ministry", "semua", ("Visit",)), "sari")
    await antar.hand_in("Visit", {"id": "V1"})
    assert await claim(antar.hub.database, antar.channel, 9, "worker") == []
    for id_ in (antar.facility.id, other.id):
        assert [row.reason for row in await pauses.open_pauses(antar.hub.database, id_)] == ["semua"]


async def test_what_two_pauses_hold_waits_for_the_end_of_both(antar: SmallHub) -> None:
    first = await pause(antar, "Visit")
    second = await pauses.begin(antar.hub.database, NewPause(None, "ministry", "semua", ("Visit",)), "sari")
    assert isinstance(second, list)
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await pauses.end(antar.hub.database, first, "sari")
    await antar.work()
    assert await antar.status("Visit", "V1") == Status.QUEUED
    await pauses.end(antar.hub.database, second[0], "sari")
    await antar.work()
    await antar.work()
    assert await antar.status("Visit", "V1") == Status.SENT


async def test_a_second_click_pauses_nothing_twice(antar: SmallHub) -> None:
    await pause(antar, "Visit")
    new = NewPause(antar.facility.id, "ministry", "lagi", ("Visit",))
    assert await pauses.begin(antar.hub.database, new, "sari") is PauseFault.EXISTS
    [row] = await pauses.open_pauses(antar.hub.database, antar.facility.id)
    assert await pauses.end(antar.hub.database, row.id, "sari")
    assert not await pauses.end(antar.hub.database, row.id, "sari")


@pytest.mark.parametrize(
    ("begins", "ends", "reason", "fault"),
    [
        (None, -1, "alasan", PauseFault.PAST),
        (20, 10, "alasan", PauseFault.ORDER),
        (None, None, "  ", PauseFault.NO_REASON),
    ],
)
async def test_a_pause_without_sense_is_refused(
    antar: SmallHub, begins: int | None, ends: int | None, reason: str, fault: PauseFault
) -> None:
    now = antar.clock()
    times = [None if minutes is None else now + minutes * 60_000 for minutes in (begins, ends)]
    new = NewPause(antar.facility.id, "ministry", reason, ("Visit",), begins_at=times[0], ends_at=times[1])
    assert await pauses.begin(antar.hub.database, new, "sari") is fault
    assert await pauses.open_pauses(antar.hub.database, antar.facility.id) == []


async def test_another_clinic_cannot_end_a_pause(antar: SmallHub) -> None:
    id_ = await pause(antar, "Visit")
    other = await add_facility(antar.hub.database, "lain", "Lain")
    assert not await pauses.end(antar.hub.database, id_, "eve", other.id)


async def test_pauses_are_in_the_audit_log(antar: SmallHub) -> None:
    await pauses.end(antar.hub.database, await pause(antar, "Visit", path="POST /Visit"), "budi")
    rows = await antar.hub.database.fetch(text("SELECT actor, action, reason FROM audit ORDER BY id"))
    words = "ministry/Visit (POST /Visit): pemeliharaan"
    assert rows == [("sari", "pause.begin", words), ("budi", "pause.end", words)]


async def test_what_is_paused_waits_for_no_worker(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await pause(antar, "Visit")
    antar.clock.pass_(7200)
    await keep_lanes(antar.hub.database)
    assert await oldest_due(antar.hub.database) == {}
    [health] = await channels(antar.hub, antar.facility.id)
    assert health.oldest_due is None


async def test_a_paused_upstream_waits_for_no_worker(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await pause(antar)
    antar.clock.pass_(7200)
    assert await oldest_due(antar.hub.database) == {}
    [health] = await channels(antar.hub, antar.facility.id)
    assert health.oldest_due is None


async def test_a_paused_upstream_that_is_down_alerts_nobody(antar: SmallHub) -> None:
    await antar.breaker.report(antar.channel, Breaker(failures=1, pause=30), Signal.DOWN, "mati")
    thresholds = Thresholds(30, 50)
    before = [trouble.kind for trouble in troubles(await facts(antar.hub), thresholds, None, frozenset())]
    await pause(antar)
    after = [trouble.kind for trouble in troubles(await facts(antar.hub), thresholds, None, frozenset())]
    assert (ConditionKind.DOWN in before, ConditionKind.DOWN in after) == (True, False)
    [health] = await channels(antar.hub)
    assert health.pause is not None
    assert (health.pause.by, health.pause.reason, health.pause.until) == ("sari", "pemeliharaan", None)


async def test_what_was_set_aside_while_paused_becomes_due_in_a_lane_that_is_read(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    id_ = await pause(antar, "Visit")
    await keep_lanes(antar.hub.database)
    delivery = (await antar.row("Visit", "V1")).id
    await ignore(antar.hub.database, antar.facility.id, [delivery], "sari", reason="salah")
    await pauses.end(antar.hub.database, id_, "sari")
    assert await keep_lanes(antar.hub.database) == set()
    await resend(antar.hub.database, antar.facility.id, [delivery], "sari")
    assert await due_channels(antar.hub.database) == {antar.channel}


async def test_the_first_sweep_of_a_worker_returns_what_no_pause_holds(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    change = text("UPDATE deliveries SET lane = lane + 10")
    await antar.hub.database.write_models(lambda tx: tx.execute(change))
    assert await keep_lanes(antar.hub.database) == set()
    assert await keep_lanes(antar.hub.database, thorough=True) == {antar.channel}
    assert await lanes_of(antar, "Visit") == [0]


async def test_many_are_put_aside_and_returned_batch_by_batch(antar: SmallHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "BATCH_SIZE", 2)
    monkeypatch.setattr(lanes, "MAX_BATCHES", 3)
    antar.ministry.script = [accepted(id=f"v{n}") for n in range(20)]
    await antar.hand_in("Visit", *({"id": f"V{n}"} for n in range(10)))
    id_ = await pause(antar, "Visit")
    for paused in (6, 10):
        await keep_lanes(antar.hub.database)
        assert (await lanes_of(antar, "Visit")).count(PAUSED_LANES) == paused
    await pauses.end(antar.hub.database, id_, "sari")
    assert [await keep_lanes(antar.hub.database) for _ in range(3)] == [{antar.channel}, {antar.channel}, set()]
    assert set(await lanes_of(antar, "Visit")) == {0}


async def test_a_pause_of_another_upstream_changes_nothing(antar: SmallHub) -> None:
    new = NewPause(antar.facility.id, "other", "alasan", ("Visit",))
    await pauses.begin(antar.hub.database, new, "sari")
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == Status.SENT
    assert Channel("other", antar.facility.id) not in await due_channels(antar.hub.database)


async def spans(antar: SmallHub) -> list[tuple[int, int | None]]:
    open_ = await pauses.open_pauses(antar.hub.database, antar.facility.id)
    return [(one.begins_at, one.ends_at) for one in open_]


async def test_a_weekly_pause_is_planned_again_when_it_ends(antar: SmallHub) -> None:
    begins = antar.clock() + HOUR_MS
    await pause(antar, "Visit", begins_at=begins, ends_at=begins + 2 * HOUR_MS, weekly=True)
    antar.clock.pass_(3 * 3600)
    await keep_lanes(antar.hub.database)
    week = 7 * 24 * HOUR_MS
    assert await spans(antar) == [(begins + week, begins + week + 2 * HOUR_MS)]
    antar.clock.pass_((week - HOUR_MS) / 1000)
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == Status.QUEUED


async def test_weeks_in_which_nothing_ran_are_passed_over(antar: SmallHub) -> None:
    begins = antar.clock()
    await pause(antar, ends_at=begins + HOUR_MS, weekly=True)
    antar.clock.pass_(16 * 24 * 3600)
    await keep_lanes(antar.hub.database)
    week = 7 * 24 * HOUR_MS
    assert await spans(antar) == [(begins + 3 * week, begins + 3 * week + HOUR_MS)]


async def test_one_week_is_ended_early_and_a_planned_one_ends_them_all(antar: SmallHub) -> None:
    id_ = await pause(antar, ends_at=antar.clock() + HOUR_MS, weekly=True)
    assert await pauses.end(antar.hub.database, id_, "sari")
    [planned] = await pauses.open_pauses(antar.hub.database, antar.facility.id)
    assert planned.weekly
    assert await pauses.end(antar.hub.database, planned.id, "sari")
    assert await spans(antar) == []


@pytest.mark.parametrize("ends_at", [None, 8 * 24 * HOUR_MS])
async def test_a_weekly_pause_ends_within_a_week(antar: SmallHub, ends_at: int | None) -> None:
    ends = None if ends_at is None else antar.clock() + ends_at
    new = NewPause(antar.facility.id, "ministry", "x", ends_at=ends, weekly=True)
    assert await pauses.begin(antar.hub.database, new, "sari") is PauseFault.WEEK
