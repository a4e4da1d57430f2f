"""Alerts: told once, when something begins and when it is over; never in the way of anything."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from adapters.base import Verdict
from adapters.notifications.contract import Destination, NotDelivered, Notification
from engine.alerts.facts import Facts
from engine.alerts.ledger import News
from engine.alerts.recipients import Recipient
from engine.alerts.watch import Watch
from engine.database.tables import AlertRecipient
from tests.conftest import Clock
from tests.engine.small_hub import House, refused

pytestmark = pytest.mark.anyio


class Voice:
    """Says the keys of what changed."""

    async def changes(self, recipient: Recipient, found: Facts, told: News) -> Notification:
        raised = [f"+{entry.trouble.kind}" for entry in told.raised]
        return Notification(" ".join([*raised, *(f"-{entry.trouble.kind}" for entry in told.cleared)]), "")

    async def digest(self, recipient: Recipient, found: Facts) -> Notification:
        return Notification("digest", "")


class Box:
    """Takes letters; `broken` makes the way fail."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.broken = False

    async def __call__(self, way: str, letter: Notification, mailbox: Destination) -> None:
        await asyncio.sleep(0)
        if self.broken:
            raise NotDelivered("Server surat tidak menjawab")
        self.letters.append(letter.subject)


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def watch(house: House, box: Box) -> Watch:
    return Watch(house.hub, Voice(), box)


async def recipient(house: House, **values: Any) -> None:
    row = {"name": "sari", "way": "email", "address": "sari@klinik.test", "facility_id": house.facility.id}
    row |= {"waiting_minutes": 60, "failure_percent": 20, "created_at": house.clock(), **values}
    await house.hub.database.write(lambda connection: connection.execute(insert(AlertRecipient).values(row)))


async def beat(house: House) -> None:
    sign = "INSERT INTO workers VALUES ('w', 0, :now, 0) ON CONFLICT (name) DO UPDATE SET beat_at = :now"
    await house.hub.database.write(lambda connection: connection.execute(text(sign), {"now": house.clock()}))


async def look(house: House, watch: Watch, minutes: float = 5, *, alive: bool = True) -> None:
    """Some minutes, looked at every minute, with a worker that beats."""
    for _ in range(int(minutes)):
        house.clock.pass_(60)
        if alive:
            await beat(house)
        await watch.look()


async def row(house: House) -> Any:
    [found] = await house.hub.database.fetch(text("SELECT * FROM alert_recipients"))
    return found


async def close(house: House, cause: str = "down") -> None:
    statement = "INSERT INTO channels VALUES (:facility, 'ministry', :cause, 'r', :now, :probe, 0)"
    values = {"facility": house.facility.id, "cause": cause, "now": house.clock(), "probe": 2**42}
    await house.hub.database.write(lambda connection: connection.execute(text(statement), values))


async def reopen(house: House) -> None:
    await house.hub.database.write(lambda connection: connection.execute(text("DELETE FROM channels")))


def at_local(clock: Clock, hour: int) -> None:
    """The clock goes on to that hour in Jakarta."""
    now = datetime.fromtimestamp(clock.now / 1000, UTC) + timedelta(hours=7)
    then = now.replace(hour=hour, minute=0, second=0)
    clock.pass_(((then - now) % timedelta(days=1)).total_seconds())


async def test_all_is_well_and_nobody_is_told(house: House, watch: Watch, box: Box) -> None:
    await recipient(house)
    await look(house, watch)
    assert box.letters == []


async def test_a_closed_queue_is_told_once_and_its_end_once(house: House, watch: Watch, box: Box) -> None:
    await recipient(house)
    await close(house)
    await look(house, watch, 10)
    assert box.letters == ["+down"]
    await reopen(house)
    await look(house, watch, 10)
    assert box.letters == ["+down", "-down"]


async def test_what_passes_quickly_is_not_told(house: House, watch: Watch, box: Box) -> None:
    await recipient(house)
    await close(house)
    await look(house, watch, 2)
    await reopen(house)
    await look(house, watch, 10)
    assert box.letters == []


async def test_a_queue_that_flaps_is_one_trouble(house: House, watch: Watch, box: Box) -> None:
    await recipient(house)
    await close(house)
    await look(house, watch, 5)
    for _ in range(4):
        await reopen(house)
        await look(house, watch, 1)
        await close(house)
        await look(house, watch, 1)
    assert box.letters == ["+down"]


async def test_refused_credentials_and_no_worker_come_in_one_letter(house: House, watch: Watch, box: Box) -> None:
    await recipient(house)
    await watch.look()
    house.clock.pass_(170)
    await close(house, "refused")
    await watch.look()
    house.clock.pass_(40)
    await watch.look()
    assert box.letters == ["+refused +workers"]


async def test_a_record_that_waits_too_long_is_told(house: House, watch: Watch, box: Box) -> None:
    await recipient(house, waiting_minutes=30)
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await look(house, watch, 34)
    assert box.letters == []
    await look(house, watch, 2)
    assert box.letters == ["+waiting"]
    await house.work()
    await look(house, watch, 4)
    assert box.letters == ["+waiting", "-waiting"]


async def test_what_an_outage_held_back_gets_its_time_to_go_out(house: House, watch: Watch, box: Box) -> None:
    await recipient(house, waiting_minutes=30)
    await close(house)
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await look(house, watch, 60)
    await reopen(house)
    await look(house, watch, 6)
    await house.work()
    await look(house, watch, 10)
    assert box.letters == ["+down", "-down"]


async def test_a_share_of_failures_is_told_by_its_threshold(house: House, watch: Watch, box: Box) -> None:
    day = datetime.fromtimestamp(house.clock() / 1000, UTC).date().isoformat()
    await recipient(house, failure_percent=40)
    house.ministry.script = [refused(Verdict.REJECTED, 400)] * 4
    await house.hand_in("Visit", *({"id": f"V{n}", "at": day} for n in range(10)))
    await house.work()
    await look(house, watch)
    assert box.letters == ["+failures"]


async def test_a_list_that_fails_three_times_is_told(house: House, watch: Watch, box: Box) -> None:
    await recipient(house)
    fail = (
        "INSERT INTO synchronisations (facility_id, list, actor, state, started_at, held_until, total, done, "
        "\"offset\", added, changed, gone) VALUES (:f, 'doctors', 'a', 'failed', 0, 0, 0, 0, 0, 0, 0, 0)"
    )
    for times, told in ((2, []), (1, ["+list"])):
        for _ in range(times):
            await house.hub.database.write(lambda c: c.execute(text(fail), {"f": house.facility.id}))
        await look(house, watch, 1)
        assert box.letters == told


@pytest.mark.parametrize(
    ("tries", "state", "minutes", "told"),
    [
        (20, "failed", 61, ["+list"]),
        (20, "running", 61, ["+list"]),
        (20, "failed", 30, []),
        (2, "failed", 61, []),
    ],
)
async def test_a_list_that_is_tried_again_is_told_after_an_hour(
    house: House, watch: Watch, box: Box, tries: int, state: str, minutes: int, told: list[str]
) -> None:
    await recipient(house)
    statement = (
        "INSERT INTO synchronisations (facility_id, list, actor, state, started_at, held_until, total, done, "
        "\"offset\", added, changed, gone, tries) VALUES (:f, 'doctors', 'a', :state, :at, 0, 0, 0, 0, 0, 0, 0, :tries)"
    )
    values = {"f": house.facility.id, "state": state, "tries": tries, "at": house.clock() - minutes * 60_000}
    await house.hub.database.write(lambda c: c.execute(text(statement), values))
    await look(house, watch, 1)
    assert box.letters == told


async def test_several_processes_tell_once(house: House, box: Box) -> None:
    await recipient(house)
    await close(house)
    watches = [Watch(house.hub, Voice(), box) for _ in range(4)]
    for _ in range(10):
        house.clock.pass_(60)
        await beat(house)
        await asyncio.gather(*(watch.look() for watch in watches))
    assert box.letters == ["+down"]


async def test_a_letter_that_is_not_delivered_is_tried_again_later_and_later(
    house: House, watch: Watch, box: Box
) -> None:
    await recipient(house)
    await close(house)
    box.broken = True
    await look(house, watch, 6)
    failed = await row(house)
    assert (failed.fails, failed.problem) == (2, "Server surat tidak menjawab")
    box.broken = False
    await look(house, watch, 10)
    assert (box.letters, (await row(house)).fails) == (["+down"], 0)


async def test_a_dead_mail_server_holds_up_nobody_else(house: House, box: Box) -> None:
    async def half_dead(way: str, letter: Notification, mailbox: Destination) -> None:
        if mailbox.address == "mati":
            await asyncio.Event().wait()
        await box(way, letter, mailbox)

    watch = Watch(house.hub, Voice(), half_dead)
    await recipient(house, address="mati")
    await recipient(house, address="hidup")
    await close(house)
    await watch.look()
    house.clock.pass_(300)
    await beat(house)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.look(), 0.5)
    assert box.letters == ["+down"]


async def test_who_dies_with_a_letter_leaves_it_to_another(house: House, watch: Watch, box: Box) -> None:
    await recipient(house)
    await close(house)
    await look(house, watch, 3)
    held = "UPDATE alert_recipients SET mark = mark + 1, held_until = :until"
    await house.hub.database.write(lambda c: c.execute(text(held), {"until": house.clock() + 90_000}))
    await look(house, watch, 1)
    assert box.letters == []
    await look(house, watch, 2)
    assert box.letters == ["+down"]


async def test_quiet_hours_keep_what_is_still_wrong_for_later(house: House, watch: Watch, box: Box) -> None:
    await recipient(house, quiet_from="21:00", quiet_until="06:00")
    at_local(house.clock, 22)
    await close(house)
    await look(house, watch, 10)
    assert box.letters == []
    at_local(house.clock, 6)
    await look(house, watch, 1)
    assert box.letters == ["+down"]


async def test_what_came_and_went_in_the_night_is_not_told(house: House, watch: Watch, box: Box) -> None:
    await recipient(house, quiet_from="21:00", quiet_until="06:00")
    at_local(house.clock, 22)
    await close(house)
    await look(house, watch, 10)
    await reopen(house)
    at_local(house.clock, 6)
    await look(house, watch, 5)
    assert box.letters == []


async def test_a_digest_comes_once_a_day_at_its_hour(house: House, watch: Watch, box: Box) -> None:
    await recipient(house, digest_at="07:00", quiet_from="06:00", quiet_until="08:00")
    at_local(house.clock, 5)
    for _ in range(48):
        await look(house, watch, 1)
        house.clock.pass_(3540)
    assert box.letters == ["digest", "digest"]


async def test_a_digest_that_is_far_too_late_is_left_out(house: House, watch: Watch, box: Box) -> None:
    await recipient(house, digest_at="07:00")
    at_local(house.clock, 14)
    await look(house, watch, 3)
    assert box.letters == []


async def test_whoever_is_switched_off_is_not_told(house: House, watch: Watch, box: Box) -> None:
    await recipient(house, enabled=False)
    await close(house)
    await look(house, watch, 10)
    assert box.letters == []
