"""Deliveries that may have arrived: searched for and adopted, or left to a person, never created twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from adapters.base import Verdict
from admin.text.words import sentence
from engine.outbox.resend import resend
from tests.engine.small_hub import SmallHub, accepted, refused

pytestmark = pytest.mark.anyio

NIK = "3171010101010001"


async def test_several_hits_are_left_to_a_person(antar: SmallHub) -> None:
    antar.ministry.script = [antar.ministry.answer]
    antar.ministry.script = [lambda call: _found("a", "b")]
    await antar.hand_in("Person", {"id": "P1", "nik": NIK})
    await antar.work()
    row = await antar.row("Person", "P1")
    assert (row.status, row.reference) == ("failed", None)
    assert "2 yang cocok" in sentence(row.problem)


def _found(*ids: str):  # type: ignore[no-untyped-def]

    return accepted(found=[{"id": id_} for id_ in ids])


async def test_what_may_have_arrived_is_found_and_adopted(antar: SmallHub) -> None:
    antar.ministry.script = [antar.ministry.store_and_be_silent]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == "unsure"
    antar.clock.pass_(60)
    await antar.work()
    assert (await antar.row("Visit", "V1")).reference == "id-V1"
    assert await antar.attempts() == ["create unsure", "find accepted"]


async def test_what_did_not_arrive_is_sent_once_more(antar: SmallHub) -> None:
    antar.ministry.script = [refused(Verdict.UNSURE)]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(60)
    await antar.work()
    assert await antar.attempts() == ["create unsure", "find accepted", "create accepted"]
    assert await antar.status("Visit", "V1") == "sent"


async def test_what_cannot_be_looked_for_is_left_to_a_person(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [antar.ministry.store_and_be_silent]
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    antar.clock.pass_(100_000)
    await antar.work()
    row = await antar.row("Finding", "F1")
    assert (row.status, row.due_at) == ("unsure", None)
    assert len(antar.ministry.posts) == 2


async def test_a_change_after_an_unseen_arrival_becomes_an_update(antar: SmallHub) -> None:
    antar.ministry.script = [antar.ministry.store_and_be_silent]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Visit", {"id": "V1", "note": "baru"})
    antar.clock.pass_(60)
    await antar.work()
    assert await antar.attempts() == ["create unsure", "find accepted", "update accepted"]
    assert antar.ministry.puts == [{"kind": "Visit", "id": "id-V1", "identifier": "V1", "note": "baru"}]


async def test_a_duplicate_is_adopted(antar: SmallHub) -> None:
    antar.ministry.stored["V1"] = {"id": "before"}
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert (await antar.row("Visit", "V1")).reference == "before"


async def test_an_acceptance_without_an_id_is_looked_for(antar: SmallHub) -> None:
    def hidden(call):  # type: ignore[no-untyped-def]
        antar.ministry.store(call)
        return refused(Verdict.ACCEPTED, 201)

    antar.ministry.script = [hidden]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    assert await antar.status("Visit", "V1") == "unsure"
    antar.clock.pass_(60)
    await antar.work()
    assert await antar.status("Visit", "V1") == "sent"
    assert len(antar.ministry.posts) == 1


@pytest.mark.parametrize("id_", ["", "x" * 201, True, {"a": 1}, None])
async def test_an_id_that_is_none_is_looked_for(antar: SmallHub, id_: object) -> None:
    def odd(call):  # type: ignore[no-untyped-def]
        antar.ministry.store(call)
        return accepted(id=id_)

    antar.ministry.script = [odd]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.clock.pass_(10)
    await antar.work()
    assert (await antar.row("Visit", "V1")).reference == "id-V1"


async def test_a_person_who_has_looked_may_send_again_what_cannot_be_looked_for(antar: SmallHub) -> None:
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    antar.ministry.script = [refused(Verdict.UNSURE)]
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await antar.work()
    id_ = (await antar.row("Finding", "F1")).id
    for force, status in ((False, "unsure"), (True, "sent")):
        await resend(antar.hub.database, antar.facility.id, [id_], "sari", force=force, reason="sudah dicek")
        await antar.work()
        assert await antar.status("Finding", "F1") == status


async def test_what_may_be_sent_twice_is_sent_again_where_nothing_can_be_looked_for(antar: SmallHub) -> None:
    finding = antar.hub.catalog.specs["Finding"]
    assert finding.endpoint is not None
    repeatable = replace(finding, endpoint=replace(finding.endpoint, repeatable=True))
    antar.hub.catalog = replace(antar.hub.catalog, specs={**antar.hub.catalog.specs, "Finding": repeatable})
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    await antar.hand_in("Finding", {"id": "F1", "visit": "V1"})
    doubt = text("UPDATE deliveries SET in_doubt = true WHERE key = 'F1'")
    await antar.hub.database.write_models(lambda tx: tx.execute(doubt))
    await antar.work()
    assert await antar.status("Finding", "F1") == "sent"


async def test_a_rejection_that_is_looked_into_and_cannot_be_told_is_looked_for_before_it_is_sent_again(
    antar: SmallHub,
) -> None:
    antar.ministry.script = [
        refused(Verdict.REJECTED, 412, message="Tidak sesuai", look=True),
        lambda call: _found("a", "b"),
    ]
    await antar.hand_in("Visit", {"id": "V1"})
    await antar.work()
    row = await antar.row("Visit", "V1")
    assert (row.status, sentence(row.problem)) == (
        "failed",
        "Tidak sesuai Ditemukan 2 yang cocok; seseorang perlu memilih.",
    )
    await resend(antar.hub.database, antar.facility.id, [row.id], "sari")
    await antar.work()
    assert (await antar.attempts())[:3] == ["create rejected", "find accepted", "find accepted"]
