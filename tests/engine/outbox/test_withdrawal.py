"""Records that were handed in by mistake: taken back upstream, never sent if they never were, and restored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.base import Verdict
from admin.text.words import sentence
from engine.database.statements import Command
from engine.outbox.resend import resend
from engine.outbox.withdrawal.withdraw import WithdrawalResult, reinstate, withdraw
from tests.conftest import Clock
from tests.engine.small_hub import SmallHub, open_small_hub, refused
from tests.engine.withdrawable import WITHDRAWABLE

pytestmark = pytest.mark.anyio

WRONG = {"state": "wrong"}
NIK = "3171010101010001"


@pytest.fixture
async def antar(tmp_path: Path, database_url: str, clock: Clock, database: object) -> AsyncIterator[SmallHub]:
    small = await open_small_hub(tmp_path, database_url, clock, WITHDRAWABLE)
    yield small
    assert await small.counters_are_right()
    await small.hub.close()


WAITS_FOR_ANOTHER = Command(
    "INSERT INTO waits (facility_id, spec, key, delivery_id, created_at) "
    "SELECT facility_id, 'Person', 'P9', id, 0 FROM deliveries WHERE key = 'F1'"
)
WITHDRAWN_UNSEEN = Command("UPDATE deliveries SET withdrawn_at = 1 WHERE spec = 'Visit'")


async def take_back(antar: SmallHub, spec: str, key: str, **options: object) -> WithdrawalResult:
    id_ = (await antar.row(spec, key)).id
    results = await withdraw(
        antar.hub.database,
        antar.hub.catalog.specs,
        antar.facility.id,
        [id_],
        "sari",
        reason="salah",
        **options,  # type: ignore[arg-type]
    )
    return results[id_]


async def asked(antar: SmallHub) -> None:
    """Wait until a request has reached the ministry, which holds its answer."""
    while not antar.ministry.calls:  # noqa: ASYNC110 - nobody tells the test
        await asyncio.sleep(0)


async def undo(antar: SmallHub, spec: str, key: str) -> WithdrawalResult:
    id_ = (await antar.row(spec, key)).id
    return await reinstate(antar.hub.database, antar.hub.catalog.specs, antar.facility.id, id_, "sari", reason="keliru")


async def test_what_was_sent_is_withdrawn_by_an_update(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "note": "batuk"})
    await antar.work()
    assert await take_back(antar, "Visit", "V1") is WithdrawalResult.DONE
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.withdrawn_at is None) == ("sent", False)
    assert antar.ministry.puts[-1] == {"kind": "Visit", "id": "id-V1", "identifier": "V1", "note": "batuk", **WRONG}


async def test_the_his_withdraws_by_handing_in_the_same_field(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1", **WRONG})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.withdrawn_at is None, antar.ministry.puts[-1]["state"]) == ("sent", False, "wrong")


async def test_what_was_never_sent_is_not_sent(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == "blocked"
    await take_back(antar, "Visit", "V1")
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, antar.ministry.posts) == ("ignored", [])
    assert sentence(row.problem) == "Ditarik sebelum terkirim; tidak ada yang dikirim."


async def test_a_record_that_arrives_withdrawn_is_not_sent(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", **WRONG})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.withdrawn_at is None, antar.ministry.calls) == ("ignored", False, [])


async def test_handing_in_the_same_again_does_not_undo_a_withdrawal(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await take_back(antar, "Visit", "V1")
    await antar.work()
    [result] = await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert (result.outcome, antar.ministry.puts[-1]["state"]) == ("unchanged", "wrong")  # type: ignore[union-attr]


async def test_other_content_makes_it_alive_again(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await take_back(antar, "Visit", "V1")
    await antar.hand_in("Visit", {"id": "V1", "note": "benar"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.withdrawn_at, row.replaced) == ("sent", None, None)
    assert "state" not in antar.ministry.puts[-1]


async def test_a_record_that_was_gone_is_alive_again_when_it_is_handed_in_as_it_was(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await take_back(antar, "Visit", "V1", until_handed_in=True)
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert (await antar.row("Visit", "V1")).withdrawn_at is None
    assert "state" not in antar.ministry.puts[-1]


async def test_never_sent_and_handed_in_again_it_is_created(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", **WRONG})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert (await antar.status("Visit", "V1"), len(antar.ministry.posts)) == ("sent", 1)


async def test_a_person_restores_what_was_withdrawn_by_mistake(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "state": "fine"})
    await antar.work()
    await take_back(antar, "Visit", "V1")
    await antar.work()
    assert await undo(antar, "Visit", "V1") is WithdrawalResult.DONE
    await antar.work()
    assert (await antar.row("Visit", "V1")).withdrawn_at is None
    assert antar.ministry.puts[-1]["state"] == "fine"


async def test_what_the_his_withdrew_a_person_does_not_restore(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", **WRONG})
    assert await undo(antar, "Visit", "V1") is WithdrawalResult.IMPOSSIBLE


async def test_a_type_without_a_withdrawal_stays(antar: SmallHub) -> None:
    await antar.hand_in("Person", {"id": "P1", "nik": NIK})
    assert await take_back(antar, "Person", "P1") is WithdrawalResult.IMPOSSIBLE


async def test_the_second_of_two_clicks_changes_nothing(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    results = await asyncio.gather(take_back(antar, "Visit", "V1"), take_back(antar, "Visit", "V1"))
    await antar.work()
    assert sorted(results) == [WithdrawalResult.ALREADY, WithdrawalResult.DONE]
    assert len(antar.ministry.puts) == 1


async def test_what_is_being_sent_is_withdrawn_when_its_outcome_is_known(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    antar.ministry.hold = asyncio.Event()
    working = asyncio.create_task(antar.work())
    await asked(antar)
    await take_back(antar, "Visit", "V1")
    antar.ministry.hold.set()
    await working
    row = await antar.row("Visit", "V1")
    assert (row.status, row.sent_version, antar.ministry.puts[-1]["state"]) == ("sent", 2, "wrong")


async def test_what_is_refused_while_it_is_withdrawn_is_not_sent_again(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    antar.ministry.hold = asyncio.Event()
    antar.ministry.script = [refused(Verdict.REJECTED, 400)]
    working = asyncio.create_task(antar.work())
    await asked(antar)
    await take_back(antar, "Visit", "V1")
    antar.ministry.hold.set()
    await working
    assert (await antar.status("Visit", "V1"), len(antar.ministry.calls)) == ("ignored", 1)


async def test_what_may_have_arrived_is_found_and_then_withdrawn(antar: SmallHub) -> None:
    antar.ministry.script = [antar.ministry.store_and_be_silent]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await take_back(antar, "Visit", "V1")
    await antar.work()
    assert await antar.attempts() == ["create unsure", "find accepted", "update accepted"]
    assert antar.ministry.puts[-1]["state"] == "wrong"


async def test_what_was_looked_for_and_did_not_arrive_is_not_sent(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNSURE)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await take_back(antar, "Visit", "V1")
    await antar.work()
    assert await antar.attempts() == ["create unsure", "find accepted", "cancel accepted"]
    row = await antar.row("Visit", "V1")
    assert (row.status, bool(row.in_doubt)) == ("ignored", False)


async def test_a_lost_answer_to_a_withdrawal_is_sent_again(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [refused(Verdict.UNAVAILABLE)]
    await take_back(antar, "Visit", "V1")
    await antar.work()
    antar.clock.pass_(60)
    await antar.work()
    assert await antar.attempts() == ["create accepted", "update unavailable", "update accepted"]


async def test_a_refused_withdrawal_is_an_ordinary_failure(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [refused(Verdict.REJECTED, 400, message="no")]
    await take_back(antar, "Visit", "V1")
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, row.cause, row.withdrawn_at is None) == ("failed", "rejected:400:no", False)


async def test_what_waits_for_it_is_set_aside_until_it_is_back(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"}, {"id": "F2", "visit": "V1"})
    await antar.work()
    await take_back(antar, "Visit", "V1")
    await antar.work()
    row = await antar.row("Finding", "F1")
    assert (row.status, await antar.status("Finding", "F2"), antar.ministry.calls) == ("ignored", "ignored", [])
    assert sentence(row.problem).startswith("Yang dirujuk telah ditarik atau disisihkan: Kunjungan V1.")
    await antar.hand_in("Person", {"id": "P1", "nik": NIK})
    await undo(antar, "Visit", "V1")
    await antar.work()
    assert [await antar.status("Finding", key) for key in ("F1", "F2")] == ["sent", "sent"]


async def test_what_waits_for_something_else_too_is_set_aside(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    await antar.hub.database.execute(WAITS_FOR_ANOTHER, {})
    await take_back(antar, "Visit", "V1")
    await antar.work()
    assert (await antar.status("Finding", "F1"), await antar.waits("Finding", "F1")) == ("ignored", [("Visit", "V1")])


async def test_a_new_record_that_refers_to_what_was_withdrawn_is_set_aside(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await take_back(antar, "Visit", "V1")
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    assert (await antar.status("Finding", "F1"), len(antar.ministry.posts)) == ("ignored", 1)
    await antar.hand_in("Visit", {"id": "V1", "note": "benar"})
    await antar.work()
    assert await antar.status("Finding", "F1") == "sent"


async def test_a_wait_that_a_withdrawal_overlooked_is_found_by_the_sweep(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    assert await antar.status("Finding", "F1") == "blocked"
    await antar.hub.database.execute(WITHDRAWN_UNSEEN, {})
    await antar.work()
    assert (await antar.status("Finding", "F1"), await antar.waits("Finding", "F1")) == ("ignored", [("Visit", "V1")])


async def test_what_a_person_sends_again_stays_set_aside(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", **WRONG})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    finding = await antar.row("Finding", "F1")
    await resend(antar.hub.database, antar.facility.id, [finding.id], "sari")
    await antar.work()
    assert (await antar.status("Finding", "F1"), antar.ministry.calls) == ("ignored", [])
    assert await antar.waits("Finding", "F1") == [("Visit", "V1")]


async def test_dependents_are_withdrawn_before_what_they_depend_on(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    await take_back(antar, "Visit", "V1", dependents=[(await antar.row("Finding", "F1")).id])
    await antar.work()
    assert [put["kind"] for put in antar.ministry.puts] == ["Finding"]
    antar.clock.pass_(4)
    await antar.work()
    assert [(put["kind"], put["state"]) for put in antar.ministry.puts] == [("Finding", "wrong"), ("Visit", "wrong")]


async def test_what_is_handed_in_otherwise_brings_back_what_was_set_aside_with_it(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1", "person": "P1"}, {"id": "V2"})
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.hand_in("Visit", {"id": "V3", "findings": ["F1"], "done": True})
    await antar.work()
    await take_back(antar, "Visit", "V1")
    await antar.work()
    assert await antar.status("Finding", "F1") == "ignored"
    await antar.hand_in("Finding", {"id": "F1", "visit": "V2"})
    await antar.work()
    assert await antar.status("Finding", "F1") == "sent"
    assert await antar.status("Visit", "V3") == "sent"
