"""A clinic's system is told of settled deliveries: in order, at least once, and again until it takes them."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from engine.alerts.conditions import ConditionKind, Thresholds, troubles
from engine.alerts.facts import facts
from engine.subscribers import positions, publisher
from engine.subscribers.positions import LAG_MS, LEASE_MS
from tests.engine.small_hub import refused
from tests.engine.subscribers.receiver import ToldClinic

pytestmark = pytest.mark.anyio


async def test_nothing_is_told_where_no_address_was_entered(clinic: ToldClinic) -> None:
    await clinic.send("V1")
    await clinic.tell()
    assert (clinic.receiver.batches, await clinic.position()) == ([], None)


async def test_what_was_settled_is_told_with_its_reference(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V1")
    await clinic.tell()
    [[event]] = clinic.receiver.batches
    assert event == {
        **{"id": f"{event['delivery']}-1", "delivery": event["delivery"], "spec": "Visit", "key": "V1"},
        **{"status": "sent", "reference": "id-V1", "problem": None, "at": 1_773_104_400_000},
    }
    assert clinic.receiver.ids == [f"status-{event['id']}"]
    await clinic.tell()
    assert len(clinic.receiver.batches) == 1


async def test_what_was_settled_before_the_address_was_entered_is_not_told(clinic: ToldClinic) -> None:
    await clinic.send("V1")
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V2")
    await clinic.tell()
    assert clinic.receiver.told == [("V2", "sent")]


async def test_a_refusal_is_told_in_words_without_identifiers(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    words = "Budi Santoso 3171010101010001 tidak ditemukan"
    clinic.antar.ministry.script = [refused(Verdict.REJECTED, 400, message=words)]
    await clinic.antar.hand_in("Visit", {"id": "V1"})
    await clinic.antar.work()
    await clinic.database.on_connection(
        lambda connection: connection.execute(text("UPDATE deliveries SET patient_name = 'Budi Santoso'"))
    )
    await clinic.tell()
    [[event]] = clinic.receiver.batches
    assert event["status"] == "failed"
    assert "Budi" not in event["problem"]
    assert "31710101" not in event["problem"]
    assert "tidak ditemukan" in event["problem"]


async def test_what_is_tried_again_is_told_of_when_that_has_ended(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    clinic.antar.ministry.script = [refused(Verdict.UNAVAILABLE, 503)]
    await clinic.send("V1")
    assert await clinic.antar.status("Visit", "V1") == "retrying"
    await clinic.tell()
    assert clinic.receiver.told == []
    clinic.clock.pass_(60)
    await clinic.antar.work()
    await clinic.tell()
    assert clinic.receiver.told == [("V1", "sent")]


async def test_many_are_told_by_the_hundred_in_order(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send(*(f"V{number}" for number in range(250)))
    await clinic.tell()
    assert [len(batch) for batch in clinic.receiver.batches] == [100, 100, 50]
    attempts = [int(event["id"].split("-")[1]) for batch in clinic.receiver.batches for event in batch]
    assert attempts == sorted(attempts)


async def test_what_is_not_taken_is_told_again_after_growing_pauses(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V1")
    clinic.receiver.status = 500
    await clinic.tell()
    pauses = []
    for _ in range(7):
        position = await clinic.position()
        pauses.append((position.due_at - clinic.clock.now + 1000) // 60_000)
        clinic.clock.now = position.due_at
        await clinic.tick(clinic.another_publisher())  # its worker was started anew
    assert pauses[1:] == [2, 4, 8, 16, 30, 30]
    await clinic.send("V2")
    clinic.receiver.status = 200
    clinic.clock.pass_(1800)
    await clinic.tell()
    assert clinic.receiver.told[-2:] == [("V1", "sent"), ("V2", "sent")]
    position = await clinic.position()
    assert (position.tries, position.problem, position.failing_since) == (0, None, None)


async def test_a_new_address_is_tried_at_once(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V1")
    clinic.receiver.status = 500
    await clinic.tell()
    clinic.receiver.status, tried = 200, len(clinic.receiver.batches)
    clinic.clock.pass_(1)
    await clinic.enter("https://his.example/new")
    await clinic.tick()
    assert len(clinic.receiver.batches) == tried + 1
    assert (await clinic.position()).failing_since is None


async def test_a_worker_that_dies_after_telling_tells_the_same_events_again(
    clinic: ToldClinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V1", "V2")
    with monkeypatch.context() as dying:
        dying.setattr(publisher, "failpoint", lambda name: 1 / 0)
        await clinic.tell()
    clinic.clock.pass_(LEASE_MS / 1000)
    await clinic.tick(clinic.another_publisher())
    first, second = clinic.receiver.batches
    assert first == second
    assert clinic.receiver.ids[0] == clinic.receiver.ids[1]


async def test_two_workers_tell_it_once(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V1")
    both = [clinic.another_publisher(), clinic.another_publisher()]
    for _ in range(3):
        clinic.clock.pass_(LAG_MS / 1000 + 1)
        for one in both:
            await one.tick()
        for one in both:
            await one.idle()
    assert clinic.receiver.told == [("V1", "sent")]


async def test_an_attempt_whose_transaction_ended_late_is_told_too(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V1")
    await clinic.send("V2")
    hide, show = "UPDATE attempts SET id = 1000000 WHERE id = 1", "UPDATE attempts SET id = 1 WHERE id = 1000000"
    await clinic.database.on_connection(lambda connection: connection.execute(text(hide)))
    await clinic.database.on_connection(
        lambda connection: connection.execute(text("UPDATE attempts SET facility_id = 99 WHERE id = 1000000"))
    )
    await clinic.tick()
    await clinic.database.on_connection(
        lambda connection: connection.execute(text("UPDATE attempts SET facility_id = 1 WHERE id = 1000000"))
    )
    await clinic.database.on_connection(lambda connection: connection.execute(text(show)))
    await clinic.tell()
    assert sorted(clinic.receiver.told) == [("V1", "sent"), ("V2", "sent")]


async def test_an_idle_subscriber_costs_one_query(clinic: ToldClinic, monkeypatch: pytest.MonkeyPatch) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V1")
    await clinic.tell()
    clinic.clock.pass_(60)
    monkeypatch.setattr(positions, "take", None)  # nothing is leased, nothing is written
    await clinic.tick()


async def test_an_address_inside_the_operators_own_network_is_refused(clinic: ToldClinic) -> None:
    await clinic.enter("http://169.254.169.254/latest")
    hub = clinic.antar.hub
    guarded = publisher.Publisher(
        clinic.database, lambda: hub.catalog, hub.facilities, hub.vault, hub.settings.webhook_policy, str
    )
    await clinic.tick(guarded)
    await clinic.send("V1")
    await clinic.tell(guarded)
    position = await clinic.position()
    assert (position.tries, position.attempt_id) == (1, 0)
    assert "address." in position.problem


async def test_people_are_alerted_if_it_is_not_taken_for_a_quarter_of_an_hour(clinic: ToldClinic) -> None:
    await clinic.enter()
    await clinic.tick()
    await clinic.send("V1")
    clinic.receiver.status = 500
    await clinic.tell()
    looked = await facts(clinic.antar.hub)
    found = troubles(looked, Thresholds(0, 0), clinic.antar.facility.id, frozenset())
    assert [(one.kind, one.subject) for one in found if one.kind is not ConditionKind.WORKERS] == [
        (ConditionKind.TELL, "webhook:status")
    ]
