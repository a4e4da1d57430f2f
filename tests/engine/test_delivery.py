"""The life of a delivery, from the record to its settlement, against a scripted ministry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.base import Problem, Verdict
from engine.database import Database
from engine.gate import REFUSED_PAUSE
from engine.intake import Accepted, Refused
from engine.outbox.resend import resend
from tests.conftest import Clock
from tests.engine.house import CATALOG, House, accepted, open_house, refused

pytestmark = pytest.mark.anyio

NIK = "3171010101010001"


@pytest.fixture
async def house(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[House]:
    opened = await open_house(tmp_path, database_url, clock)
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


async def test_a_record_is_sent_and_its_reference_kept(house: House) -> None:
    [result] = await house.hand_in("Visit", {"id": "V1", "note": "batuk"})
    await house.work()
    row = await house.row("Visit", "V1")
    assert isinstance(result, Accepted)
    assert (row.status, row.reference, row.sent_version) == ("sent", "id-V1", 1)
    assert house.ministry.posts == [{"kind": "Visit", "identifier": "V1", "note": "batuk"}]


async def test_a_lookup_creates_nothing_and_keeps_the_id_found(house: House) -> None:
    await house.hand_in("Person", {"id": "P1", "nik": NIK})
    await house.work()
    assert (await house.row("Person", "P1")).reference == "P-1"
    assert house.ministry.posts == []


async def test_a_lookup_that_finds_nothing_fails_until_the_record_is_mended(house: House) -> None:
    await house.hand_in("Person", {"id": "P1", "nik": "0"})
    await house.work()
    assert await house.status("Person", "P1") == "failed"
    await house.hand_in("Person", {"id": "P1", "nik": NIK})
    await house.work()
    assert await house.status("Person", "P1") == "sent"


async def test_several_hits_are_left_to_a_person(house: House) -> None:
    house.ministry.script = [house.ministry.answer]
    house.ministry.script = [lambda call: _found("a", "b")]
    await house.hand_in("Person", {"id": "P1", "nik": NIK})
    await house.work()
    row = await house.row("Person", "P1")
    assert (row.status, row.reference) == ("failed", None)
    assert "2 yang cocok" in row.problem


def _found(*ids: str):  # type: ignore[no-untyped-def]

    return accepted(found=[{"id": id_} for id_ in ids])


async def test_a_chain_waits_and_is_released_by_itself(house: House) -> None:
    await house.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await house.work()
    assert await house.status("Finding", "F1") == "blocked"
    await house.hand_in("Visit", {"id": "V1", "person": "P1"})
    await house.work()
    assert await house.waits("Visit", "V1") == [("Person", "P1")]
    await house.hand_in("Person", {"id": "P1", "nik": NIK})
    await house.work()
    assert [await house.status(*what) for what in (("Person", "P1"), ("Visit", "V1"), ("Finding", "F1"))] == [
        "sent"
    ] * 3


async def test_a_finished_visit_goes_out_in_two_steps(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1", "done": True, "findings": ["F1"]})
    await house.work()
    assert await house.status("Visit", "V1") == "blocked"
    await house.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await house.work()
    assert await house.status("Visit", "V1") == "sent"
    assert house.ministry.puts == [{"kind": "Visit", "id": "id-V1", "identifier": "V1", "findings": ["id-F1"]}]


async def test_an_unchanged_record_causes_no_traffic_a_changed_one_an_update(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    assert len(house.ministry.calls) == 1
    await house.hand_in("Visit", {"id": "V1", "note": "demam"})
    await house.work()
    assert [call.path for call in house.ministry.calls] == ["/Visit", "/Visit/id-V1"]


async def test_a_rejected_record_is_not_tried_again(house: House) -> None:
    house.ministry.script = [refused(Verdict.REJECTED, 400, code="10457", message="Element not found")]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    house.clock.pass_(100_000)
    await house.work()
    row = await house.row("Visit", "V1")
    assert (row.status, row.http_status, row.code, row.problem) == ("failed", 400, "10457", "Element not found")
    assert len(house.ministry.calls) == 1


async def test_what_fails_the_preflight_check_is_never_sent(house: House) -> None:
    house.ministry.problems = [Problem("$.status", "is missing")]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    row = await house.row("Visit", "V1")
    assert (row.status, row.problem) == ("failed", "$.status: is missing")
    assert house.ministry.calls == []
    assert await house.attempts() == ["check rejected"]


async def test_an_unavailable_upstream_is_tried_again_by_schedule_then_given_up(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 3
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    assert await house.status("Visit", "V1") == "retrying"
    await house.work()
    assert len(house.ministry.calls) == 1
    for _ in range(2):
        house.clock.pass_(60)
        await house.work()
    assert await house.status("Visit", "V1") == "failed"


async def test_what_may_have_arrived_is_found_and_adopted(house: House) -> None:
    house.ministry.script = [house.ministry.store_and_be_silent]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    assert await house.status("Visit", "V1") == "unsure"
    house.clock.pass_(60)
    await house.work()
    assert (await house.row("Visit", "V1")).reference == "id-V1"
    assert await house.attempts() == ["create unsure", "find accepted"]


async def test_what_did_not_arrive_is_sent_once_more(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNSURE)]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    house.clock.pass_(60)
    await house.work()
    assert await house.attempts() == ["create unsure", "find accepted", "create accepted"]
    assert await house.status("Visit", "V1") == "sent"


async def test_what_cannot_be_looked_for_is_left_to_a_person(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    house.ministry.script = [house.ministry.store_and_be_silent]
    await house.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await house.work()
    house.clock.pass_(100_000)
    await house.work()
    row = await house.row("Finding", "F1")
    assert (row.status, row.due_at) == ("unsure", None)
    assert len(house.ministry.posts) == 2


async def test_a_change_after_an_unseen_arrival_becomes_an_update(house: House) -> None:
    house.ministry.script = [house.ministry.store_and_be_silent]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    await house.hand_in("Visit", {"id": "V1", "note": "baru"})
    house.clock.pass_(60)
    await house.work()
    assert await house.attempts() == ["create unsure", "find accepted", "update accepted"]
    assert house.ministry.puts == [{"kind": "Visit", "id": "id-V1", "identifier": "V1", "note": "baru"}]


async def test_a_duplicate_is_adopted(house: House) -> None:
    house.ministry.stored["V1"] = {"id": "before"}
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    assert (await house.row("Visit", "V1")).reference == "before"


async def test_an_acceptance_without_an_id_is_looked_for(house: House) -> None:
    def hidden(call):  # type: ignore[no-untyped-def]
        house.ministry.store(call)
        return refused(Verdict.ACCEPTED, 201)

    house.ministry.script = [hidden]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    assert await house.status("Visit", "V1") == "unsure"
    house.clock.pass_(60)
    await house.work()
    assert await house.status("Visit", "V1") == "sent"
    assert len(house.ministry.posts) == 1


async def test_a_refused_account_pauses_the_queue_and_loses_nothing(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAUTHORIZED, 401, message="invalid_client")] * 4
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(20)))
    await house.work()
    assert len(house.ministry.calls) <= 4
    assert await house.status("Visit", "V0") == "queued"
    house.ministry.script = []
    house.clock.pass_(400)
    await house.work()
    assert len(house.ministry.stored) == 20


async def test_an_outage_opens_the_breaker_and_is_probed_once_at_a_time(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 100
    await house.hand_in("Visit", *({"id": f"V{n:02}"} for n in range(40)))
    await house.work()
    during = len(house.ministry.calls)
    assert during <= 3 + 4
    house.clock.pass_(31)
    await house.work()
    assert len(house.ministry.calls) == during + 1
    house.ministry.script = []
    for _ in range(3):
        house.clock.pass_(61)
        await house.work()
    assert len(house.ministry.stored) == 40


async def test_nothing_is_sent_before_the_time_that_429_asked_for(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 429, retry_after=120.0)] * 4
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(10)))
    await house.work()
    before, house.ministry.script = len(house.ministry.calls), []
    house.clock.pass_(119)
    await house.work()
    assert len(house.ministry.calls) == before
    house.clock.pass_(2)
    await house.work()
    assert len(house.ministry.stored) == 10


async def test_a_poisonous_record_fails_alone(house: House) -> None:
    house.ministry.script = [_explode, house.ministry.answer]
    await house.hand_in("Visit", {"id": "V1"}, {"id": "V2"})
    await house.work()
    statuses = sorted([await house.status("Visit", "V1"), await house.status("Visit", "V2")])
    assert statuses == ["failed", "sent"]


def _explode(call):  # type: ignore[no-untyped-def]
    raise RuntimeError("boom")


async def test_a_refused_record_names_its_paths_and_the_good_ones_are_stored(house: House) -> None:
    good, bad = await house.hand_in("Visit", {"id": "V1"}, {"id": 5, "unknown": 1})
    assert isinstance(good, Accepted)
    assert isinstance(bad, Refused)
    assert {problem.path for problem in bad.problems} == {"$", "$.id"}


async def test_a_removed_type_is_set_aside_with_its_reason(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1"})
    del house.hub.catalog.specs["Visit"]  # type: ignore[attr-defined]
    await house.work()
    assert "tidak ada lagi" in (await house.row("Visit", "V1")).problem


async def test_a_person_who_has_looked_may_send_again_what_cannot_be_looked_for(house: House) -> None:
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    house.ministry.script = [refused(Verdict.UNSURE)]
    await house.hand_in("Finding", {"id": "F1", "visit": "V1"})
    await house.work()
    id_ = (await house.row("Finding", "F1")).id
    for force, status in ((False, "unsure"), (True, "sent")):
        await resend(house.hub.database, house.facility.id, [id_], "sari", force=force, reason="sudah dicek")
        await house.work()
        assert await house.status("Finding", "F1") == status


async def test_no_record_gives_up_for_an_outage_however_long(house: House) -> None:
    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 1000
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(5)))
    for _ in range(100):
        await house.work()
        house.clock.pass_(60)
    assert len(house.ministry.calls) < 130
    house.ministry.script = []
    for _ in range(3):
        await house.work()
        house.clock.pass_(60)
    assert len(house.ministry.stored) == 5


async def test_one_poisonous_record_cannot_keep_a_channel_closed(house: House) -> None:
    def moody(call):  # type: ignore[no-untyped-def]
        if call.method == "POST" and b'"V0"' in call.body:
            return refused(Verdict.UNAVAILABLE, 500)
        return house.ministry.answer(call)

    house.ministry.script = [refused(Verdict.UNAVAILABLE, 503)] * 3 + [moody] * 1000
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(4)))
    for _ in range(8):
        await house.work()
        house.clock.pass_(60)
    assert len(house.ministry.stored) == 3


async def test_what_is_too_long_for_its_column_is_cut_or_refused_not_broken(house: House) -> None:
    house.ministry.script = [refused(Verdict.REJECTED, 400, code="9" * 500, message="x" * 5000)]
    await house.hand_in("Visit", {"id": "V1"})
    [long_norm] = await house.hand_in("Visit", {"id": "V2", "person": "P" * 61})
    await house.work()
    assert isinstance(long_norm, Refused)
    assert (await house.row("Visit", "V1")).code == "9" * 60


@pytest.mark.parametrize("id_", ["", "x" * 201, True, {"a": 1}, None])
async def test_an_id_that_is_none_is_looked_for(house: House, id_: object) -> None:
    def odd(call):  # type: ignore[no-untyped-def]
        house.ministry.store(call)
        return accepted(id=id_)

    house.ministry.script = [odd]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    house.clock.pass_(10)
    await house.work()
    assert (await house.row("Visit", "V1")).reference == "id-V1"


async def test_what_only_waits_is_no_probe(house: House) -> None:
    await house.gate.refuse(house.channel, "belum ada kredensial")
    await house.hand_in("Finding", *({"id": f"F{n}", "visit": "V9"} for n in range(20)))
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(3)))
    await house.work()
    assert house.ministry.calls == []
    house.clock.pass_(REFUSED_PAUSE + 1)
    await house.work()
    assert len(house.ministry.stored) == 3


async def test_a_wide_fan_out_is_released_at_once(house: House) -> None:
    await house.hand_in("Finding", *({"id": f"F{n}", "visit": "V1"} for n in range(500)))
    await house.work()
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    assert len(house.ministry.stored) == 501


LINK = """
  Link:
    label: Mata rantai
    group: Uji
    upstream: ministry
    endpoint: {path: /Link}
    key: "{{ record.id }}"
    date: "{{ record.at }}"
    record: {required: [id, at], properties: {id: {type: string}, at: {type: string}, after: {type: string}}}
    needs: {before: {spec: Link, key: "{{ record.after }}"}}
    columns: {after: {label: Sesudah, value: "{{ record.after }}"}}
    payload: {identifier: "{{ record.id }}", after: {$if: "{{ needs.before }}", id: "{{ needs.before.reference }}"}}
    example: {id: L1, at: "2026-03-10"}
"""


async def test_a_long_chain_handed_in_backwards_goes_out_in_order(
    tmp_path: Path, database: Database, database_url: str, clock: Clock
) -> None:
    house = await open_house(tmp_path, database_url, clock, CATALOG + LINK)
    for n in range(40, 0, -1):
        await house.hand_in("Link", {"id": f"L{n}", "after": f"L{n - 1}"})
    await house.work()
    assert house.ministry.stored == {}
    await house.hand_in("Link", {"id": "L0"})
    await house.work()
    assert list(house.ministry.stored) == [f"L{n}" for n in range(41)]
    await house.hub.close()
