"""Alerts: sent once when a trouble begins and once when it ends; a failing way delays nothing else."""

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
from tests.engine.small_hub import SmallHub, refused

pytestmark = pytest.mark.anyio


class Voice:
    """A writer whose messages are the keys of the changes."""

    async def changes(self, recipient: Recipient, facts: Facts, news: News) -> Notification:
        raised = [f"+{entry.trouble.kind}" for entry in news.raised]
        return Notification(" ".join([*raised, *(f"-{entry.trouble.kind}" for entry in news.cleared)]), "")

    async def digest(self, recipient: Recipient, facts: Facts) -> Notification:
        return Notification("digest", "")


class Box:
    """A way that keeps the messages; `broken` makes it fail."""

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
def watch(antar: SmallHub, box: Box) -> Watch:
    return Watch(antar.hub, Voice(), box)


async def recipient(antar: SmallHub, **values: Any) -> None:
    row = {"name": "sari", "way": "email", "address": "sari@klinik.test", "facility_id": antar.facility.id}
    row |= {"waiting_minutes": 60, "failure_percent": 20, "created_at": antar.clock(), **values}
    await antar.hub.database.write_models(lambda tx: tx.execute(insert(AlertRecipient).values(row)))


async def beat(antar: SmallHub) -> None:
    sign = "INSERT INTO workers VALUES ('w', 0, :now, 0) ON CONFLICT (name) DO UPDATE SET beat_at = :now"
    await antar.hub.database.write_models(lambda tx: tx.execute(text(sign), {"now": antar.clock()}))


async def look(antar: SmallHub, watch: Watch, minutes: float = 5, *, alive: bool = True) -> None:
    """Let minutes pass with a live worker, and check each minute."""
    for _ in range(int(minutes)):
        antar.clock.pass_(60)
        if alive:
            await beat(antar)
        await watch.look()


async def row(antar: SmallHub) -> Any:
    [recipient] = await antar.hub.database.fetch(text("SELECT * FROM alert_recipients"))
    return recipient


async def close(antar: SmallHub, cause: str = "down") -> None:
    statement = "INSERT INTO channels VALUES (:facility, 'ministry', :cause, 'r', :now, :probe, 0)"
    values = {"facility": antar.facility.id, "cause": cause, "now": antar.clock(), "probe": 2**42}
    await antar.hub.database.write_models(lambda tx: tx.execute(text(statement), values))


async def reopen(antar: SmallHub) -> None:
    await antar.hub.database.write_models(lambda tx: tx.execute(text("DELETE FROM channels")))


def at_local(clock: Clock, hour: int) -> None:
    """Advance the clock to that hour in Jakarta."""
    now = datetime.fromtimestamp(clock.now / 1000, UTC) + timedelta(hours=7)
    then = now.replace(hour=hour, minute=0, second=0)
    clock.pass_(((then - now) % timedelta(days=1)).total_seconds())


async def test_all_is_well_and_nobody_is_told(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar)
    await look(antar, watch)
    assert box.letters == []


async def test_a_closed_queue_is_told_once_and_its_end_once(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar)
    await close(antar)
    await look(antar, watch, 10)
    assert box.letters == ["+down"]
    await reopen(antar)
    await look(antar, watch, 10)
    assert box.letters == ["+down", "-down"]


async def test_what_passes_quickly_is_not_told(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar)
    await close(antar)
    await look(antar, watch, 2)
    await reopen(antar)
    await look(antar, watch, 10)
    assert box.letters == []


async def test_a_queue_that_flaps_is_one_trouble(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar)
    await close(antar)
    await look(antar, watch, 5)
    for _ in range(4):
        await reopen(antar)
        await look(antar, watch, 1)
        await close(antar)
        await look(antar, watch, 1)
    assert box.letters == ["+down"]


async def test_refused_credentials_and_no_worker_come_in_one_letter(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar)
    await watch.look()
    antar.clock.pass_(170)
    await close(antar, "refused")
    await watch.look()
    antar.clock.pass_(40)
    await watch.look()
    assert box.letters == ["+refused +workers"]


async def test_a_record_that_waits_too_long_is_told(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar, waiting_minutes=30)
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await look(antar, watch, 34)
    assert box.letters == []
    await look(antar, watch, 2)
    assert box.letters == ["+waiting"]
    await antar.work()
    await look(antar, watch, 4)
    assert box.letters == ["+waiting", "-waiting"]


async def test_what_an_outage_held_back_gets_its_time_to_go_out(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar, waiting_minutes=30)
    await close(antar)
    await antar.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await look(antar, watch, 60)
    await reopen(antar)
    await look(antar, watch, 6)
    await antar.work()
    await look(antar, watch, 10)
    assert box.letters == ["+down", "-down"]


async def test_a_share_of_failures_is_told_by_its_threshold(antar: SmallHub, watch: Watch, box: Box) -> None:
    day = datetime.fromtimestamp(antar.clock() / 1000, UTC).date().isoformat()
    await recipient(antar, failure_percent=40)
    antar.ministry.script = [refused(Verdict.REJECTED, 400)] * 4
    await antar.hand_in("Visit", *({"id": f"V{n}", "at": day} for n in range(10)))
    await antar.work()
    await look(antar, watch)
    assert box.letters == ["+failures"]


async def test_a_list_that_fails_three_times_is_told(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar)
    fail = (
        "INSERT INTO synchronisations (facility_id, list, actor, state, started_at, held_until, total, done, "
        "\"offset\", added, changed, gone) VALUES (:f, 'doctors', 'a', 'failed', 0, 0, 0, 0, 0, 0, 0, 0)"
    )
    for times, alerts in ((2, []), (1, ["+list"])):
        for _ in range(times):
            await antar.hub.database.write_models(lambda tx: tx.execute(text(fail), {"f": antar.facility.id}))
        await look(antar, watch, 1)
        assert box.letters == alerts


@pytest.mark.parametrize(
    ("tries", "state", "minutes", "alerts"),
    [
        (20, "failed", 61, ["+list"]),
        (20, "running", 61, ["+list"]),
        (20, "failed", 30, []),
        (2, "failed", 61, []),
    ],
)
async def test_a_list_that_is_tried_again_is_told_after_an_hour(
    antar: SmallHub, watch: Watch, box: Box, tries: int, state: str, minutes: int, alerts: list[str]
) -> None:
    await recipient(antar)
    statement = (
        "INSERT INTO synchronisations (facility_id, list, actor, state, started_at, held_until, total, done, "
        "\"offset\", added, changed, gone, tries) VALUES (:f, 'doctors', 'a', :state, :at, 0, 0, 0, 0, 0, 0, 0, :tries)"
    )
    values = {"f": antar.facility.id, "state": state, "tries": tries, "at": antar.clock() - minutes * 60_000}
    await antar.hub.database.write_models(lambda tx: tx.execute(text(statement), values))
    await look(antar, watch, 1)
    assert box.letters == alerts


async def test_several_processes_tell_once(antar: SmallHub, box: Box) -> None:
    await recipient(antar)
    await close(antar)
    watches = [Watch(antar.hub, Voice(), box) for _ in range(4)]
    for _ in range(10):
        antar.clock.pass_(60)
        await beat(antar)
        await asyncio.gather(*(watch.look() for watch in watches))
    assert box.letters == ["+down"]


async def test_a_letter_that_is_not_delivered_is_tried_again_later_and_later(
    antar: SmallHub, watch: Watch, box: Box
) -> None:
    await recipient(antar)
    await close(antar)
    box.broken = True
    await look(antar, watch, 6)
    failed = await row(antar)
    assert (failed.fails, failed.problem) == (2, "Server surat tidak menjawab")
    box.broken = False
    await look(antar, watch, 10)
    assert (box.letters, (await row(antar)).fails) == (["+down"], 0)


async def test_a_dead_mail_server_holds_up_nobody_else(antar: SmallHub, box: Box) -> None:
    async def half_dead(way: str, letter: Notification, mailbox: Destination) -> None:
        if mailbox.address == "mati":
            await asyncio.Event().wait()
        await box(way, letter, mailbox)

    watch = Watch(antar.hub, Voice(), half_dead)
    await recipient(antar, address="mati")
    await recipient(antar, address="hidup")
    await close(antar)
    await watch.look()
    antar.clock.pass_(300)
    await beat(antar)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch.look(), 0.5)
    assert box.letters == ["+down"]


async def test_who_dies_with_a_letter_leaves_it_to_another(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar)
    await close(antar)
    await look(antar, watch, 3)
    held = "UPDATE alert_recipients SET mark = mark + 1, held_until = :until"
    await antar.hub.database.write_models(lambda tx: tx.execute(text(held), {"until": antar.clock() + 90_000}))
    await look(antar, watch, 1)
    assert box.letters == []
    await look(antar, watch, 2)
    assert box.letters == ["+down"]


async def test_quiet_hours_keep_what_is_still_wrong_for_later(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar, quiet_from="21:00", quiet_until="06:00")
    at_local(antar.clock, 22)
    await close(antar)
    await look(antar, watch, 10)
    assert box.letters == []
    at_local(antar.clock, 6)
    await look(antar, watch, 1)
    assert box.letters == ["+down"]


async def test_what_came_and_went_in_the_night_is_not_told(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar, quiet_from="21:00", quiet_until="06:00")
    at_local(antar.clock, 22)
    await close(antar)
    await look(antar, watch, 10)
    await reopen(antar)
    at_local(antar.clock, 6)
    await look(antar, watch, 5)
    assert box.letters == []


async def test_a_digest_comes_once_a_day_at_its_hour(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar, digest_at="07:00", quiet_from="06:00", quiet_until="08:00")
    at_local(antar.clock, 5)
    for _ in range(48):
        await look(antar, watch, 1)
        antar.clock.pass_(3540)
    assert box.letters == ["digest", "digest"]


async def test_a_digest_that_is_far_too_late_is_left_out(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar, digest_at="07:00")
    at_local(antar.clock, 14)
    await look(antar, watch, 3)
    assert box.letters == []


async def test_whoever_is_switched_off_is_not_told(antar: SmallHub, watch: Watch, box: Box) -> None:
    await recipient(antar, enabled=False)
    await close(antar)
    await look(antar, watch, 10)
    assert box.letters == []
