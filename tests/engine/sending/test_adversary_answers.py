"""Answers of an upstream that is broken, confused or hostile: nothing is created twice, nothing stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from adapters.base import MAX_BODY_BYTES, Call, Reply, Verdict
from engine.database.database import Database
from engine.outbox.claim import LEASE_MS, begin, claim
from engine.outbox.resend import resend
from engine.sending import outcomes
from engine.sending import settlement_writer as settling
from tests.conftest import Clock
from tests.engine.small_hub import CATALOG, House, accepted, open_house, refused

pytestmark = pytest.mark.anyio

PAGED = CATALOG.replace(
    'reference: "{{ candidate.id }}"}', 'reference: "{{ candidate.id }}", next: "{{ body.next | default(\'\') }}"}'
)
ODD_IDS = ["a\x00b", "x" * 201, {"a": 1}, ["a"], True]


@pytest.fixture
async def house(tmp_path: Path, database: Database, database_url: str, clock: Clock) -> AsyncIterator[House]:
    opened = await open_house(tmp_path, database_url, clock, PAGED)
    yield opened
    assert await opened.counters_are_right()
    await opened.hub.close()


@pytest.mark.parametrize("id_", ODD_IDS)
async def test_an_odd_id_in_an_answer_is_none(house: House, id_: object) -> None:
    house.ministry.script = [lambda call: (house.ministry.store(call), accepted(id=id_))[1]]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    assert await house.status("Visit", "V1") == "unsure"
    house.clock.pass_(10)
    await house.work()
    assert (await house.row("Visit", "V1")).reference == "id-V1"


@pytest.mark.parametrize("id_", ODD_IDS)
async def test_an_odd_id_that_was_found_is_left_to_a_person(house: House, id_: object) -> None:
    house.ministry.script = [lambda call: accepted(found=[{"id": id_}])]
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await house.work()
    assert await house.status("Person", "P1") == "failed"


@pytest.mark.parametrize("found", [5, "ab", {"id": "x"}, True])
async def test_candidates_that_are_no_list_are_left_to_a_person(house: House, found: object) -> None:
    house.ministry.script = [refused(Verdict.UNSURE), accepted(found=found)]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    house.clock.pass_(60)
    await house.work()
    row = await house.row("Visit", "V1")
    assert (row.status, row.due_at, bool(row.in_doubt)) == ("unsure", None, True)
    assert len(house.ministry.posts) == 1


async def test_what_was_accepted_and_is_not_found_is_never_created_again_by_itself(house: House) -> None:
    house.ministry.script = [refused(Verdict.ACCEPTED, 201)] + [accepted(found=[])] * 1000
    await house.hand_in("Visit", {"id": "V1"})
    for _ in range(10):
        await house.work()
        house.clock.pass_(100)
    row = await house.row("Visit", "V1")
    assert len(house.ministry.posts) == 1
    assert (row.status, row.due_at, bool(row.in_doubt)) == ("unsure", None, True)


async def test_what_was_accepted_is_looked_for_until_the_search_answers(house: House) -> None:
    hidden = lambda call: (house.ministry.store(call), refused(Verdict.ACCEPTED, 201))[1]  # noqa: E731
    house.ministry.script = [hidden, refused(Verdict.UNAVAILABLE, 503)]
    await house.hand_in("Visit", {"id": "V1"})
    for _ in range(3):
        await house.work()
        house.clock.pass_(100)
    assert (await house.row("Visit", "V1")).reference == "id-V1"
    assert len(house.ministry.posts) == 1


async def test_an_update_after_a_hidden_acceptance_has_all_its_tries(house: House) -> None:
    hidden = lambda call: (house.ministry.store(call), refused(Verdict.ACCEPTED, 201))[1]  # noqa: E731
    house.ministry.script = [hidden]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    await house.hand_in("Visit", {"id": "V1", "note": "baru"})
    house.ministry.script = [house.ministry.answer, refused(Verdict.UNAVAILABLE, 503)]
    house.clock.pass_(10)
    await house.work()
    assert await house.status("Visit", "V1") == "retrying"


TELLTALE = PAGED.replace('query: {identifier: "{{ record.id }}"}', 'query: {identifier: "{{ record.note }}"}')
"""A search by what may change: the new content does not find what the old one made."""


async def silent_then_changed(house: House) -> None:
    house.ministry.script = [house.ministry.store_and_be_silent]
    await house.hand_in("Visit", {"id": "V1", "note": "lama"})
    await house.work()
    await house.hand_in("Visit", {"id": "V1", "note": "baru"})
    house.clock.pass_(60)
    await house.work()


async def test_a_look_with_a_changed_record_never_says_that_nothing_arrived(
    tmp_path: Path, database: Database, database_url: str, clock: Clock
) -> None:
    house = await open_house(tmp_path, database_url, clock, TELLTALE)
    await silent_then_changed(house)
    row = await house.row("Visit", "V1")
    assert (row.status, row.due_at, bool(row.in_doubt)) == ("unsure", None, True)
    assert "sebelum diubah" in row.problem
    assert len(house.ministry.posts) == 1
    await house.hub.close()


async def test_a_person_who_has_looked_may_send_a_changed_record(
    tmp_path: Path, database: Database, database_url: str, clock: Clock
) -> None:
    house = await open_house(tmp_path, database_url, clock, TELLTALE)
    await silent_then_changed(house)
    house.ministry.stored.clear()
    for force, status in ((False, "unsure"), (True, "sent")):
        await resend(house.hub.database, house.facility.id, [(await house.row("Visit", "V1")).id], "sari", force=force)
        await house.work()
        assert await house.status("Visit", "V1") == status
    await house.hub.close()


async def test_a_look_with_a_changed_record_may_find_what_arrived(house: House) -> None:
    await silent_then_changed(house)
    assert await house.attempts() == ["create unsure", "find accepted", "update accepted"]


async def test_a_death_with_a_mended_record_leaves_nothing_to_a_person(house: House) -> None:
    house.ministry.script = [refused(Verdict.REJECTED, 400)]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    await house.hand_in("Visit", {"id": "V1", "note": "baru"})
    [claimed] = await claim(house.hub.database, house.channel, 1, "worker")
    await begin(house.hub.database, claimed.lease)
    house.clock.pass_(LEASE_MS / 1000 + 1)
    await house.work()
    await house.work()
    assert await house.attempts() == ["create rejected", "lost unsure", "find accepted", "create accepted"]


async def test_a_search_without_end_says_nothing_is_missing(house: House) -> None:
    endless = accepted(found=[], next="http://elsewhere/?page=2")
    house.ministry.script = [refused(Verdict.UNSURE)] + [endless] * 1000
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    house.clock.pass_(60)
    await house.work()
    assert len(house.ministry.posts) == 1
    assert (await house.row("Visit", "V1")).due_at is None


async def test_the_same_hit_on_two_pages_is_one(house: House) -> None:
    def page(call: Call) -> Reply:
        last = dict(call.query).get("page") == "2"
        return accepted(found=[{"id": "P-1"}], next="" if last else "?page=2")

    house.ministry.script = [page, page]
    await house.hand_in("Person", {"id": "P1", "nik": "3171010101010001"})
    await house.work()
    assert (await house.row("Person", "P1")).reference == "P-1"


async def test_an_answer_is_kept_whole_whatever_its_bytes(house: House) -> None:
    answer = b"\x00\xff" * (MAX_BODY_BYTES // 2)
    house.ministry.script = [refused(Verdict.REJECTED, 400, body=answer)]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    [(kept,)] = await house.hub.database.fetch(text("SELECT response FROM attempts"))
    assert kept == answer


async def test_heavy_answers_are_written_a_few_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    write, sizes = settling.settle, list[int]()

    async def counting(database: Database, settlements: Any, ended: Any = ()) -> Any:
        sizes.append(len(settlements))
        return await write(database, settlements, ended)

    monkeypatch.setattr(settling, "settle", counting)
    monkeypatch.setattr(settling, "MAX_ANSWER_BYTES", 2000)
    monkeypatch.setattr(settling, "MAX_WAITING_BYTES", 3000)
    house.ministry.script = [refused(Verdict.REJECTED, 400, body=b"x" * 1000)] * 40
    await house.hand_in("Visit", *({"id": f"V{n}"} for n in range(40)))
    await house.work()
    assert (sum(sizes), max(sizes)) == (40, 2)


STEPS = PAGED.replace('after_create: "{{ record.done }}"', 'after_create: "{{ 1 / 0 if record.note else false }}"')


async def test_an_error_in_what_follows_a_create_is_found_before_it(
    tmp_path: Path, database: Database, database_url: str, clock: Clock
) -> None:
    house = await open_house(tmp_path, database_url, clock, STEPS)
    await house.hand_in("Visit", {"id": "V1", "note": "x"})
    await house.work()
    row = await house.row("Visit", "V1")
    assert (row.status, house.ministry.calls) == ("failed", [])
    assert "after_create" in row.problem
    await house.hub.close()


async def test_what_breaks_after_an_acceptance_keeps_the_id(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        monkeypatch.undo()
        raise LookupError

    monkeypatch.setattr(outcomes, "Outcome", broken)
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    row = await house.row("Visit", "V1")
    assert (row.status, row.reference, row.sent_version, bool(row.in_doubt)) == ("failed", "id-V1", 1, False)
    assert "LookupError" in row.problem


async def test_a_removed_type_stays_in_doubt(house: House) -> None:
    house.ministry.script = [house.ministry.store_and_be_silent]
    await house.hand_in("Visit", {"id": "V1"})
    await house.work()
    visit = house.hub.catalog.specs.pop("Visit")  # type: ignore[attr-defined]
    house.clock.pass_(60)
    await house.work()
    house.hub.catalog.specs["Visit"] = visit  # type: ignore[index]
    await resend(house.hub.database, house.facility.id, [(await house.row("Visit", "V1")).id], "sari")
    await house.work()
    assert await house.attempts() == ["create unsure", "find accepted"]
